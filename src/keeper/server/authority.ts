import 'reflect-metadata';
import { createPrivateKey, type KeyObject, type webcrypto, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { X509Certificate as PeculiarCertificate } from '@peculiar/x509';
import type { Ms } from '#core/time.ts';
import { readPrivateFile } from './files.ts';

/** The CA as the keeper uses it: the key can sign and cannot be taken out again. */
export interface Authority {
  readonly pem: string;
  readonly certificate: PeculiarCertificate;
  readonly signingKey: webcrypto.CryptoKey;
  readonly signingAlgorithm: { readonly name: string; readonly hash: string };
  readonly notAfter: Ms;
}

const CURVES = new Map([
  ['prime256v1', { namedCurve: 'P-256', hash: 'SHA-256' }],
  ['secp384r1', { namedCurve: 'P-384', hash: 'SHA-384' }],
  ['secp521r1', { namedCurve: 'P-521', hash: 'SHA-512' }],
]);

export function loadAuthority(certificateFile: string, keyFile: string, now: Ms): Authority {
  const pem = firstCertificate(readFileSync(certificateFile, 'utf8'), certificateFile);
  const checked = new X509Certificate(pem);
  const key = readKey(keyFile);
  if (!checked.ca)
    throw new Error(`reading the CA certificate ${certificateFile}: it is not a CA; give the CA's own certificate`);
  if (!checked.checkPrivateKey(key)) {
    throw new Error(
      `reading the CA key ${keyFile}: it is not the key of ${certificateFile}; give the pair that belongs together`,
    );
  }
  const notAfter = Date.parse(checked.validTo);
  if (notAfter <= now)
    throw new Error(`reading the CA certificate ${certificateFile}: it ended at ${checked.validTo}; renew it`);
  return { pem, certificate: new PeculiarCertificate(pem), notAfter, ...signer(key, keyFile) };
}

function readKey(keyFile: string): KeyObject {
  const text = readPrivateFile(keyFile, 'the CA key');
  try {
    return createPrivateKey(text);
  } catch {
    // The parser's message is not carried on: it could say something about the key.
    throw new Error(`reading the CA key ${keyFile}: it must be an unencrypted PEM private key, EC or RSA`);
  }
}

function signer(key: KeyObject, keyFile: string): Pick<Authority, 'signingKey' | 'signingAlgorithm'> {
  const details = key.asymmetricKeyDetails;
  if (key.asymmetricKeyType === 'rsa' && (details?.modulusLength ?? 0) >= 2048) {
    const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
    return { signingKey: key.toCryptoKey(algorithm, false, ['sign']), signingAlgorithm: algorithm };
  }
  const curve = key.asymmetricKeyType === 'ec' ? CURVES.get(details?.namedCurve ?? '') : undefined;
  if (curve === undefined) {
    throw new Error(
      `reading the CA key ${keyFile}: it must be EC on P-256, P-384 or P-521, or RSA of at least 2048 bits`,
    );
  }
  return {
    signingKey: key.toCryptoKey({ name: 'ECDSA', namedCurve: curve.namedCurve }, false, ['sign']),
    signingAlgorithm: { name: 'ECDSA', hash: curve.hash },
  };
}

function firstCertificate(text: string, file: string): string {
  const match = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/.exec(text);
  if (match === null) throw new Error(`reading the CA certificate ${file}: it holds no PEM certificate`);
  return `${match[0]}\n`;
}
