import 'reflect-metadata';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509';
import type { Clock, Ms } from '#core/time.ts';
import type { Log } from '#telemetry/port.ts';

export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

const YEAR: Ms = 365 * 24 * 3_600_000;
const EVERY: Ms = 60_000;

/** A certificate for localhost and the address, made anew at each start; its key never leaves memory. */
export async function selfSigned(address: string, wall: Ms): Promise<KeyPair> {
  const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const addresses = new Set(['127.0.0.1', '::1', ...(/^(0\.0\.0\.0|::)$/.test(address) ? [] : [address])]);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=localhost',
    keys,
    signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
    notBefore: new Date(wall - 3_600_000),
    notAfter: new Date(wall + YEAR),
    extensions: [
      new SubjectAlternativeNameExtension([
        { type: 'dns', value: 'localhost' },
        ...[...addresses].map((value) => ({ type: 'ip' as const, value })),
      ]),
    ],
  });
  const key = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return {
    cert: certificate.toString('pem'),
    key: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n`,
  };
}

/** Reads certificate and key; throws an Error that names the flag when they do not fit. */
export function readKeyPair(certFile: string, keyFile: string, readFile: (path: string) => string): KeyPair {
  const text = (flag: string, path: string): string => {
    try {
      return readFile(path);
    } catch {
      throw new Error(`${flag}: the file cannot be read; check that it exists and who may read it`);
    }
  };
  const pair = { cert: text('--tls-cert-file', certFile), key: text('--tls-private-key-file', keyFile) };
  if (!fits(pair)) throw new Error('--tls-cert-file: the certificate does not fit the key, or one of them is no PEM');
  return pair;
}

function fits({ cert, key }: KeyPair): boolean {
  try {
    return new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch {
    return false;
  }
}

export interface FollowedFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly readFile: (path: string) => string;
  readonly clock: Clock;
  readonly log: Log;
  readonly onChange: (pair: KeyPair) => void;
}

/** Takes new files up without a restart. A pair that does not fit (one file is replaced already) is looked at again. */
export function followKeyPair(files: FollowedFiles, first: KeyPair, signal: AbortSignal): void {
  let last = first;
  const look = (): void => {
    if (signal.aborted) return;
    try {
      const pair = readKeyPair(files.certFile, files.keyFile, files.readFile);
      if (pair.cert !== last.cert || pair.key !== last.key) {
        last = pair;
        files.onChange(pair);
        files.log.info('reloading the serving certificate');
      }
    } catch {
      files.log.error('reloading the serving certificate: the files do not fit; the last pair serves on');
    }
    files.clock.after(EVERY, look);
  };
  files.clock.after(EVERY, look);
}
