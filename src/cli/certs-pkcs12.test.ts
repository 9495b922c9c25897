import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { pack } from './certs-pkcs12.ts';

let directory: string;
const at = (name: string): string => join(directory, name);
const openssl = (...args: string[]): string =>
  execFileSync('openssl', args, { cwd: directory, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'comptroller-p12-'));
  openssl(
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '1',
    '-subj',
    '/CN=auditor',
    '-keyout',
    'rsa.key',
    '-out',
    'rsa.crt',
  );
  openssl(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '1',
    '-subj',
    '/CN=ec',
    '-keyout',
    'ec.key',
    '-out',
    'ec.crt',
  );
  for (const name of ['rsa.key', 'ec.key']) chmodSync(at(name), 0o600);
  writeFileSync(at('password'), 'correct horse battery\n', { mode: 0o600 });
  writeFileSync(at('short'), 'short\n', { mode: 0o600 });
  writeFileSync(at('open'), 'correct horse battery\n');
  chmodSync(at('open'), 0o644);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const wish = (more: object = {}) => ({
  cert: at('rsa.crt'),
  key: at('rsa.key'),
  passwordFile: at('password'),
  ...more,
});

describe('certs pkcs12', () => {
  test('OpenSSL reads the same certificate and key back', () => {
    writeFileSync(at('out.p12'), pack(wish()));
    const read = openssl('pkcs12', '-in', 'out.p12', '-passin', 'file:password', '-nodes');
    expect(read).toContain('friendlyName: Comptroller auditor');
    writeFileSync(at('back.key'), read.slice(read.indexOf('-----BEGIN PRIVATE KEY')));
    expect(openssl('rsa', '-in', 'back.key', '-modulus', '-noout')).toBe(
      openssl('x509', '-in', 'rsa.crt', '-modulus', '-noout'),
    );
  });

  test.each([
    [
      'an EC key',
      () => ({ cert: at('ec.crt'), key: at('ec.key') }),
      '--key: a key of type ec; PKCS#12 is made for RSA keys only',
    ],
    [
      'a key of another certificate',
      () => ({ cert: at('ec.crt') }),
      '--key: it is not the key of the certificate in --cert',
    ],
    [
      'a short password',
      () => ({ passwordFile: at('short') }),
      '--password-file: the password has 5 characters; give at least 12',
    ],
    [
      'a password that others can read',
      () => ({ passwordFile: at('open') }),
      '--password-file: mode 644, others could read it; run chmod 600 on it',
    ],
    ['no certificate', () => ({ cert: at('rsa.key') }), '--cert: no certificate in it; give PEM'],
  ] as const)('refuses %s', (_, change, message) => {
    expect(() => pack(wish(change()))).toThrow(message);
  });
});
