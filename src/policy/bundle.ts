import { createHash, createPrivateKey, type KeyObject } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { FlattenedSign, flattenedVerify, type JWK } from 'jose';
import type { Ms } from '#core/time.ts';
import { algorithmOf, checkKid, type VerifyingKey } from './keys.ts';
import {
  BUNDLE_FILES,
  BundleError,
  type BundleFault,
  type BundleFile,
  isRecord,
  MANIFEST_CAP,
  type Manifest,
  parseManifest,
  parseObject,
  SIGNATURES_CAP,
} from './manifest.ts';
import type { BundleId } from './port.ts';

/** A bundle whose bytes agree with its manifest. Whether the manifest may be trusted is another question. */
export interface Bundle {
  readonly id: BundleId;
  readonly manifest: Manifest;
  readonly manifestBytes: Uint8Array;
  readonly files: Readonly<Record<BundleFile, Buffer<ArrayBuffer>>>;
}

const TYPE = 'comptroller-policy+jws';
const MAX_SIGNATURES = 16;

/** SHA-256 in lower-case hexadecimal. */
export function sha256(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Reads a bundle and compares every file with the manifest; throws a BundleError. Does not look at signatures. */
export async function readBundle(directory: string): Promise<Bundle> {
  const manifestBytes = await readCapped(directory, 'manifest.json', MANIFEST_CAP);
  const manifest = parseManifest(manifestBytes);
  const id = { version: manifest.version, digest: sha256(manifestBytes) };
  const files = await Promise.all(
    (Object.keys(BUNDLE_FILES) as BundleFile[]).map(async (name) => {
      const bytes = await readCapped(directory, name, BUNDLE_FILES[name]);
      const { sha256: wanted, size } = manifest.files[name];
      if (bytes.length !== size || sha256(bytes) !== wanted) {
        throw new BundleError('digest', `${name}: it is not the file that the manifest names`, id);
      }
      return [name, bytes] as const;
    }),
  );
  return { id, manifest, manifestBytes, files: Object.fromEntries(files) as Record<BundleFile, Buffer<ArrayBuffer>> };
}

export interface Trust {
  readonly keys: readonly VerifyingKey[];
  /** The highest version seen so far: a lower one is refused (I16). */
  readonly minVersion: number;
  /** How many different keys must have signed. */
  readonly quorum: number;
  /** Wall clock: a signature that has expired no longer activates anything. */
  readonly now: Ms;
}

/** Reads a bundle and its signatures; throws a BundleError unless it may be activated. There is no unsigned mode. */
export async function openBundle(directory: string, trust: Trust): Promise<Bundle> {
  const bundle = await readBundle(directory);
  const { id } = bundle;
  await verifySignatures(bundle, await readCapped(directory, 'signatures.json', SIGNATURES_CAP), trust);
  if (id.version < trust.minVersion) {
    throw new BundleError(
      'version',
      `its version ${id.version} is below ${trust.minVersion}, which was seen before`,
      id,
    );
  }
  return bundle;
}

async function verifySignatures(bundle: Bundle, bytes: Uint8Array, trust: Trust): Promise<void> {
  const { signatures } = parseObject(bytes, 'signatures.json');
  if (!Array.isArray(signatures) || signatures.length > MAX_SIGNATURES) {
    throw new BundleError(
      'malformed',
      `signatures.json: signatures must be an array of at most ${MAX_SIGNATURES}`,
      bundle.id,
    );
  }
  const valid = new Set<string>();
  let expired = false;
  for (const signature of signatures) {
    const found = await verifyOne(bundle.manifestBytes, signature, trust);
    if (found?.expired === true) expired = true;
    else if (found !== undefined) valid.add(found.kid);
  }
  if (valid.size >= trust.quorum) return;
  const fault: BundleFault = expired ? 'expired' : 'signature';
  const known = trust.keys.map(({ kid }) => kid).join(', ');
  const why = expired ? 'a signature has expired' : 'no other is valid';
  throw new BundleError(
    fault,
    `signatures.json: ${valid.size} of ${trust.quorum} needed signatures by ${known}; ${why}`,
    bundle.id,
  );
}

/** Whose valid signature it is; undefined when it is nobody's that is configured. */
async function verifyOne(
  payload: Uint8Array,
  entry: unknown,
  { keys, now }: Trust,
): Promise<{ kid: string; expired: boolean } | undefined> {
  if (!isRecord(entry) || typeof entry.protected !== 'string' || typeof entry.signature !== 'string') return undefined;
  const header = headerOf(entry.protected);
  const key = keys.find(({ kid, alg }) => kid === header?.kid && alg === header.alg);
  if (key === undefined || header?.typ !== TYPE) return undefined;
  const { protected: head, signature } = entry;
  if (!isCanonical(signature)) return undefined;
  try {
    const jws = { protected: head, signature, payload: Buffer.from(payload).toString('base64url') };
    await flattenedVerify(jws, key.key, { algorithms: [key.alg] });
  } catch {
    return undefined;
  }
  const { exp } = header;
  if (exp !== undefined && typeof exp !== 'number') return undefined;
  return { kid: key.kid, expired: exp !== undefined && exp * 1000 <= now };
}

/** One spelling for one signature: the last character has bits that decode to nothing, and no byte may change unnoticed. */
const isCanonical = (text: string): boolean => Buffer.from(text, 'base64url').toString('base64url') === text;

function headerOf(encoded: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(encoded, 'base64url').toString('utf8'));
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export interface SignOptions {
  /** Wall clock of the signing, for the record. */
  readonly now?: Ms;
  /** Wall clock after which the signature activates nothing. */
  readonly expires?: Ms;
}

/** Signs the exact bytes of the manifest, detached, and adds the signature to `signatures.json` (replacing that key's own). */
export async function signBundle(
  directory: string,
  privateKey: KeyObject | JWK,
  kid: string,
  { now, expires }: SignOptions = {},
): Promise<void> {
  checkKid(kid);
  const { manifestBytes } = await readBundle(directory);
  const key =
    'asymmetricKeyType' in privateKey
      ? (privateKey as KeyObject)
      : createPrivateKey({ key: privateKey as JWK, format: 'jwk' });
  const signed = await new FlattenedSign(manifestBytes)
    .setProtectedHeader({
      alg: algorithmOf(key, kid),
      kid,
      typ: TYPE,
      ...(now !== undefined && { iat: Math.floor(now / 1000) }),
      ...(expires !== undefined && { exp: Math.floor(expires / 1000) }),
    })
    .sign(key);
  const others = existingSignatures(directory).filter(({ protected: head }) => headerOf(head)?.kid !== kid);
  const all = [...others, { protected: signed.protected ?? '', signature: signed.signature }];
  writeWhole(join(directory, 'signatures.json'), `${JSON.stringify({ signatures: all }, null, 2)}\n`);
}

function existingSignatures(directory: string): { protected: string; signature: string }[] {
  let bytes: Buffer;
  try {
    bytes = readFileSync(join(directory, 'signatures.json'));
  } catch {
    return [];
  }
  const { signatures } = parseObject(bytes, 'signatures.json');
  return Array.isArray(signatures)
    ? signatures.filter((one) => isRecord(one) && typeof one.protected === 'string')
    : [];
}

/** Readers see the old file or the new one, never a part. */
export function writeWhole(path: string, content: string | Uint8Array): void {
  const fresh = `${path}.new`;
  try {
    writeFileSync(fresh, content, { mode: 0o644 });
    renameSync(fresh, path);
  } finally {
    rmSync(fresh, { force: true });
  }
}

async function readCapped(directory: string, name: string, cap: number): Promise<Buffer<ArrayBuffer>> {
  const file = await open(join(directory, name), 'r').catch(() => {
    throw new BundleError('missing', `${name}: it cannot be opened; build and sign the bundle`);
  });
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new BundleError('missing', `${name}: it is not a file`);
    if (stat.size > cap) throw new BundleError('too-large', `${name}: ${stat.size} bytes; at most ${cap} are allowed`);
    const bytes = await file.readFile();
    if (bytes.length !== stat.size) throw new BundleError('missing', `${name}: it changes while it is read`);
    return bytes as Buffer<ArrayBuffer>;
  } finally {
    await file.close();
  }
}
