import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPki, issueClient, type KeyFiles, type Pki } from './pki.ts';

const read = (file: string) => new X509Certificate(readFileSync(file));

describe('createPki', () => {
  const directory = join(mkdtempSync(join(tmpdir(), 'pki-')), 'pki');
  let pki: Pki;
  beforeAll(async () => {
    pki = await createPki(directory);
  });
  afterAll(() => rmSync(join(directory, '..'), { recursive: true }));

  it('keeps keys to their owner', () => {
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    const keys = readdirSync(directory).filter((file) => file.endsWith('.key'));
    expect(keys.length).toBeGreaterThan(10);
    for (const key of keys) expect(statSync(join(directory, key)).mode & 0o777, key).toBe(0o600);
  });

  it('makes keys that fit their certificates, on P-256', () => {
    for (const { certFile, keyFile } of [pki.clusterCa, pki.comptrollerCa, pki.serving, ...Object.values(pki.users)]) {
      const key = createPrivateKey(readFileSync(keyFile));
      expect(key.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
      expect(read(certFile).checkPrivateKey(key)).toBe(true);
    }
  });

  it('has each certificate signed by its own authority and by no other', () => {
    const issuedBy = (leaf: KeyFiles, ca: KeyFiles) => read(leaf.certFile).verify(read(ca.certFile).publicKey);
    expect(issuedBy(pki.serving, pki.clusterCa)).toBe(true);
    expect(issuedBy(pki.users.admin, pki.clusterCa)).toBe(true);
    expect(issuedBy(pki.users.admin, pki.comptrollerCa)).toBe(false);
    expect(issuedBy(pki.frontProxyClient, pki.frontProxyCa)).toBe(true);
    expect(issuedBy(pki.frontProxyClient, pki.clusterCa)).toBe(false);
    expect(issuedBy(pki.etcdClient, pki.etcdCa)).toBe(true);
  });

  it('gives the API server both client CAs, and no key', () => {
    const bundle = readFileSync(pki.clientCaBundle, 'utf8');
    for (const ca of [pki.clusterCa, pki.comptrollerCa])
      expect(bundle).toContain(readFileSync(ca.certFile, 'utf8').trim());
    expect(bundle).not.toContain('PRIVATE');
  });

  it('issues clients that cannot serve or sign, whatever their name holds', async () => {
    const files = await issueClient(pki.comptrollerCa, directory, 'odd', {
      commonName: 'system:node,O=system:masters',
      organizations: ['a+b'],
    });
    const odd = read(files.certFile);
    expect(odd.toLegacyObject().subject).toMatchObject({ CN: 'system:node,O=system:masters', O: 'a+b' });
    expect(odd.ca).toBe(false);
    expect(odd.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect(odd.verify(read(pki.comptrollerCa.certFile).publicKey)).toBe(true);
  });
});
