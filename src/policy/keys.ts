import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { closeSync, fstatSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { JWK } from 'jose';

export type SigningAlgorithm = 'EdDSA' | 'ES256';

/** A public key that bundles are verified with: a JWK with `kid`, Ed25519 or P-256, without its private part. */
export type PublicJwk = JWK & { readonly kid: string };

export interface VerifyingKey {
  readonly kid: string;
  readonly alg: SigningAlgorithm;
  readonly key: KeyObject;
}

const KID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const KEY_CAP = 16 * 1024;

/** Checks configured keys; throws an error that names the key. */
export function verifyingKeys(keys: readonly PublicJwk[]): readonly VerifyingKey[] {
  if (keys.length === 0) throw new Error('reading the policy keys: none is configured; name at least one public JWK');
  const found = keys.map(verifyingKey);
  if (new Set(found.map(({ kid }) => kid)).size !== found.length) {
    throw new Error('reading the policy keys: two have the same kid; give each its own');
  }
  return found;
}

function verifyingKey(jwk: PublicJwk): VerifyingKey {
  const kid = checkKid(jwk.kid);
  if (Object.hasOwn(jwk, 'd')) {
    throw new Error(`reading the policy key ${kid}: it holds its private part; configure the public JWK only`);
  }
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  return { kid, alg: algorithmOf(key, kid), key };
}

export function checkKid(kid: unknown): string {
  if (typeof kid !== 'string' || !KID.test(kid)) {
    throw new Error('reading a policy key: its kid must be 1 to 64 letters, digits, dots, hyphens or underscores');
  }
  return kid;
}

/** The one algorithm that a key may be used with: the key decides, never the signature's header. */
export function algorithmOf(key: KeyObject, kid: string): SigningAlgorithm {
  if (key.asymmetricKeyType === 'ed25519') return 'EdDSA';
  if (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1') return 'ES256';
  throw new Error(`reading the policy key ${kid}: it must be Ed25519 or P-256`);
}

/** A public JWK from its file. */
export function readPublicKey(path: string): PublicJwk {
  const jwk = JSON.parse(readCapped(path).toString('utf8')) as PublicJwk;
  verifyingKey(jwk);
  return jwk;
}

/** A private key, JWK or PKCS#8 PEM, from a file that nobody else can read. */
export function readPrivateKey(path: string): { readonly key: KeyObject; readonly kid: string | undefined } {
  const text = readCapped(path, true).toString('utf8');
  if (text.trimStart().startsWith('-----BEGIN')) return { key: createPrivateKey(text), kid: undefined };
  const jwk = JSON.parse(text) as JWK & { kid?: unknown };
  return {
    key: createPrivateKey({ key: jwk, format: 'jwk' }),
    kid: jwk.kid === undefined ? undefined : checkKid(jwk.kid),
  };
}

/** The file's bytes; checks mode and size on the opened file, so that nothing is swapped in between. */
function readCapped(path: string, secret = false): Buffer {
  const file = openSync(path, 'r');
  try {
    const { mode, size } = fstatSync(file);
    if (secret && (mode & 0o077) !== 0) {
      throw new Error(`reading the private key ${path}: others may read it; run chmod 600 on it`);
    }
    if (size > KEY_CAP) throw new Error(`reading the key ${path}: it is over ${KEY_CAP} bytes`);
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}

/** A new pair as JWKs that carry their kid. */
export function newKeyPair(
  kid: string,
  alg: SigningAlgorithm,
): { privateJwk: JWK; publicJwk: PublicJwk; key: KeyObject } {
  checkKid(kid);
  const pair = alg === 'EdDSA' ? generateKeyPairSync('ed25519') : generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const about = { kid, alg, use: 'sig' };
  return {
    privateJwk: { ...pair.privateKey.export({ format: 'jwk' }), ...about },
    publicJwk: { ...pair.publicKey.export({ format: 'jwk' }), ...about },
    key: pair.privateKey,
  };
}

/** Writes a key file; never over another. The private one is 0600, in a directory of 0700. */
export function writeKey(path: string, jwk: JWK, secret: boolean): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, `${JSON.stringify(jwk, null, 2)}\n`, { flag: 'wx', mode: secret ? 0o600 : 0o644 });
}
