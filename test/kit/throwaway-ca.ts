import { generateKeyPairSync, type KeyObject, webcrypto } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import 'reflect-metadata';
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

export interface ThrowawayCa {
  readonly certFile: string;
  readonly keyFile: string;
}

const ALGORITHMS = {
  ec: { key: { name: 'ECDSA', namedCurve: 'P-256' }, signing: { name: 'ECDSA', hash: 'SHA-256' } },
  rsa: {
    key: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
    signing: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  },
} as const;

interface CaOptions {
  readonly kind?: 'ec' | 'rsa';
  readonly life?: number;
  readonly name?: string;
  /** What it calls its key, in hexadecimal digits; it says nothing of it by default. */
  readonly keyId?: string;
}

/** A CA for one test, in files as the keeper wants them. */
export async function throwawayCa(
  directory: string,
  { kind = 'ec', life = 3_600_000, name = 'ca', keyId }: CaOptions = {},
): Promise<ThrowawayCa> {
  const pair: { publicKey: KeyObject; privateKey: KeyObject } =
    kind === 'ec'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 });
  const { key, signing } = ALGORITHMS[kind];
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      name: [{ C: ['XX'] }, { CN: ['throwaway CA'] }],
      serialNumber: '01',
      notBefore: new Date(Date.now() - 60_000),
      notAfter: new Date(Date.now() + life),
      keys: {
        publicKey: pair.publicKey.toCryptoKey(key, true, ['verify']),
        privateKey: pair.privateKey.toCryptoKey(key, true, ['sign']),
      },
      signingAlgorithm: signing,
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.digitalSignature, true),
        ...(keyId === undefined ? [] : [new SubjectKeyIdentifierExtension(keyId)]),
      ],
    },
    webcrypto as unknown as Crypto,
  );
  const files = { certFile: join(directory, `${name}.crt`), keyFile: join(directory, `${name}.key`) };
  writeFileSync(files.certFile, certificate.toString('pem'));
  writeFileSync(files.keyFile, pair.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  return files;
}
