import 'reflect-metadata';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { X509CertificateGenerator } from '@peculiar/x509';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readKubeconfig } from './kubeconfig.ts';
import { answerOf } from './kubeconfig-contents.ts';

let dir = '';
let ca = '';
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'kubeconfig-'));
  const keys = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  ca = `${(await X509CertificateGenerator.createSelfSigned({ name: 'CN=ca', keys })).toString('pem')}\n`;
});
afterAll(() => rmSync(dir, { recursive: true }));

const base64 = (text: string) => Buffer.from(text).toString('base64');

function write(cluster: string, more = ''): string {
  const path = join(dir, 'config');
  const user = 'user: {token: hunter2, exec: {command: /bin/false, apiVersion: client.authentication.k8s.io/v1}}';
  const text = `apiVersion: v1
kind: Config
current-context: c
contexts: [{name: c, context: {cluster: k, user: u}}]
users: [{name: u, ${user}}]
clusters: [{name: k, cluster: {${cluster}}}]
${more}`;
  writeFileSync(path, text);
  return path;
}

test('gives server, CA and the name to check, and nothing of the user', async () => {
  const path = write(
    `server: "https://10.0.0.1:6443/", tls-server-name: kubernetes, certificate-authority-data: ${base64(ca)}`,
  );
  const value = { server: 'https://10.0.0.1:6443', caPem: ca, tlsServerName: 'kubernetes' };
  expect(answerOf([path])).toEqual({ ok: true, value });
  expect(await readKubeconfig(path)).toEqual(value);
});

test('takes a CA file beside it, and --master over its server; keys in a bundle stay where they are', async () => {
  writeFileSync(join(dir, 'ca.crt'), `-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n${ca}`);
  const path = write('server: "https://10.0.0.1:6443", certificate-authority: ca.crt');
  const value = { server: 'https://other:1', caPem: ca };
  expect(answerOf([path, 'https://other:1'])).toEqual({ ok: true, value });
  expect(await readKubeconfig(path, 'https://other:1')).toEqual(value);
});

test.each([
  ['server: "http://10.0.0.1"', 'server is not https; identities are client certificates'],
  ['server: "nowhere"', 'server is not an address; use https://host:port'],
  ['server: "https://a/path"', 'server holds more than host and port; use https://host:port'],
  ['server: "https://a"', 'certificate-authority-data is missing; add the CA of the API server'],
  ['server: "https://a", certificate-authority-data: aGFsbG8=', 'certificate-authority-data holds no PEM certificate'],
  [
    'server: "https://a", certificate-authority: gone.crt',
    'certificate-authority cannot be read; check that it exists and who may read it',
  ],
  [
    'server: "https://a", insecure-skip-tls-verify: true',
    'insecure-skip-tls-verify is refused; add certificate-authority-data instead',
  ],
  ['server: "https://a", proxy-url: "http://p"', 'proxy-url is not supported; remove it'],
])('%s: %s', (cluster, problem) => {
  expect(answerOf([write(cluster)])).toEqual({ ok: false, problem });
});

test('what is no kubeconfig is refused without showing it', async () => {
  const path = join(dir, 'junk');
  writeFileSync(path, 'token: [hunter2');
  expect(answerOf([path])).toEqual({ ok: false, problem: 'the file is no kubeconfig' });
  await expect(readKubeconfig(path)).rejects.toThrow(`--kubeconfig: ${path}: the file is no kubeconfig`);
  expect(answerOf([join(dir, 'gone')])).toMatchObject({ problem: expect.stringContaining('the file cannot be read') });
  writeFileSync(path, '#'.repeat(1_100_000));
  expect(answerOf([path])).toEqual({ ok: false, problem: 'the file is larger than 1 MiB' });
});
