/** Certificate authorities that are not what they should be. */
import 'reflect-metadata';
import { createPrivateKey, createPublicKey, webcrypto } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import {
  BasicConstraintsExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type { KeyFiles } from '#local/pki.ts';

const EC = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const provider = webcrypto as unknown as Crypto;

/**
 * The same CA, name and key, by a certificate that ends after `life` milliseconds: so does what is issued under it, and
 * the API server, which knows the longer one, believes it until then.
 */
export async function endingSoon({ certFile, keyFile }: KeyFiles, life: number, out: string): Promise<void> {
  const known = new X509Certificate(readFileSync(certFile, 'utf8'));
  const key = createPrivateKey(readFileSync(keyFile, 'utf8'));
  const keys = {
    privateKey: key.toCryptoKey(EC, false, ['sign']),
    publicKey: createPublicKey(key).toCryptoKey(EC, true, ['verify']),
  };
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      name: known.subjectName.toJSON(),
      serialNumber: '02',
      notBefore: known.notBefore,
      notAfter: new Date(Date.now() + life),
      keys,
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
      extensions: [
        new BasicConstraintsExtension(true, 0, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
        await SubjectKeyIdentifierExtension.create(keys.publicKey, false, provider),
      ],
    },
    provider,
  );
  writeFileSync(out, `${certificate.toString('pem')}\n`, { mode: 0o644 });
}
