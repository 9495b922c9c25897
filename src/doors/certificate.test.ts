import { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { fakeClock } from '#kit/fake-clock.ts';
import { recordingTelemetry } from '#kit/telemetry.ts';
import { followKeyPair, type KeyPair, readKeyPair, selfSigned } from './certificate.ts';

test('a self-signed pair is for localhost and the address', async () => {
  const { cert, key } = await selfSigned('10.0.0.1', Date.now());
  const certificate = new X509Certificate(cert);
  expect(certificate.subjectAltName).toBe(
    'DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, IP Address:10.0.0.1',
  );
  expect(readKeyPair('c', 'k', (path) => (path === 'c' ? cert : key))).toEqual({ cert, key });
});

test('files that are missing or do not fit are refused by their flags', async () => {
  const [one, other] = await Promise.all([selfSigned('::', Date.now()), selfSigned('::', Date.now())]);
  const read = (path: string): string => {
    if (path === 'gone') throw new Error('ENOENT');
    return path === 'cert' ? one.cert : other.key;
  };
  expect(() => readKeyPair('cert', 'key', read)).toThrow('--tls-cert-file: the certificate does not fit the key');
  expect(() => readKeyPair('cert', 'gone', read)).toThrow('--tls-private-key-file: the file cannot be read');
});

test('new files are taken up once they fit', async () => {
  const [first, second] = await Promise.all([selfSigned('::', Date.now()), selfSigned('::', Date.now())]);
  const clock = fakeClock();
  const { log } = recordingTelemetry();
  const files = { ...first };
  const taken: KeyPair[] = [];
  const stop = new AbortController();
  const readFile = (path: string) => (path === 'c' ? files.cert : files.key);
  followKeyPair(
    { certFile: 'c', keyFile: 'k', readFile, clock, log, onChange: (pair) => taken.push(pair) },
    first,
    stop.signal,
  );
  clock.advance(60_000);
  files.cert = second.cert;
  clock.advance(60_000);
  expect(taken).toEqual([]);
  files.key = second.key;
  clock.advance(120_000);
  expect(taken).toEqual([second]);
});
