import type { BundleId } from './port.ts';

export const MANIFEST_FORMAT = 'comptroller.dev/policy-bundle/v1';
export const ENTRYPOINT = 'gate/decision';

/** The files of a bundle beside its manifest and signatures, and how large each may be. */
export const BUNDLE_FILES = {
  'policy.wasm': 16 * 1024 * 1024,
  'data.json': 2 * 1024 * 1024,
  'selftest.json': 2 * 1024 * 1024,
} as const;
export type BundleFile = keyof typeof BUNDLE_FILES;
export const MANIFEST_CAP = 256 * 1024;
export const SIGNATURES_CAP = 64 * 1024;

/** What the signatures are over: it holds the digests of all else. */
export interface Manifest {
  readonly format: typeof MANIFEST_FORMAT;
  readonly version: number;
  readonly entrypoint: typeof ENTRYPOINT;
  /** The input contract that the rules are written for. */
  readonly input: string;
  /** Version of the compiler. */
  readonly opa: string;
  readonly files: Readonly<Record<BundleFile, { readonly sha256: string; readonly size: number }>>;
  /** SHA-256 of every source file, by its path below `policies/`. */
  readonly sources: Readonly<Record<string, string>>;
}

/** Why a bundle was refused: a metric label, and a word for the ledger. */
export type BundleFault =
  | 'missing'
  | 'too-large'
  | 'malformed'
  | 'digest'
  | 'signature'
  | 'expired'
  | 'version'
  | 'engine'
  | 'self-test'
  | 'ledger';

/** A bundle that cannot be used. `id` is what it claims to be, where that much could be read; it is not verified. */
export class BundleError extends Error {
  override readonly name = 'BundleError';
  readonly fault: BundleFault;
  readonly id: BundleId | undefined;

  constructor(fault: BundleFault, message: string, id?: BundleId) {
    super(message);
    this.fault = fault;
    this.id = id;
  }
}

const SHA256 = /^[0-9a-f]{64}$/;

/** Checks the shape of a manifest; throws a BundleError that names the field. */
export function parseManifest(bytes: Uint8Array): Manifest {
  const value = parseObject(bytes, 'manifest.json');
  const expected = { format: MANIFEST_FORMAT, entrypoint: ENTRYPOINT };
  for (const [field, wanted] of Object.entries(expected)) {
    if (value[field] !== wanted)
      throw malformed(`manifest.json: ${field} is ${shapeOf(value[field])}; it must be "${wanted}"`);
  }
  if (!Number.isSafeInteger(value.version) || (value.version as number) < 1) {
    throw malformed(`manifest.json: version is ${shapeOf(value.version)}; it must be an integer from 1`);
  }
  for (const field of ['input', 'opa']) {
    if (typeof value[field] !== 'string')
      throw malformed(`manifest.json: ${field} is ${shapeOf(value[field])}; it must be a string`);
  }
  checkFiles(value.files);
  return value as unknown as Manifest;
}

function checkFiles(files: unknown): void {
  if (!isRecord(files)) throw malformed(`manifest.json: files is ${shapeOf(files)}; it must be an object`);
  for (const name of Object.keys(BUNDLE_FILES)) {
    const entry = Object.hasOwn(files, name) ? files[name] : undefined;
    if (
      !isRecord(entry) ||
      typeof entry.sha256 !== 'string' ||
      !SHA256.test(entry.sha256) ||
      !Number.isSafeInteger(entry.size)
    ) {
      throw malformed(`manifest.json: files["${name}"] must hold sha256 (64 hexadecimal digits) and size`);
    }
  }
}

/** Parses a JSON object of a bundle; throws a BundleError that names the file. */
export function parseObject(bytes: Uint8Array, file: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw malformed(`${file}: it is not JSON in UTF-8; build the bundle again`);
  }
  if (!isRecord(value)) throw malformed(`${file}: it is ${shapeOf(value)}; it must be an object`);
  return value;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The kind of a value, never the value: input may hold anything. */
export function shapeOf(value: unknown): string {
  if (value === undefined) return 'absent';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

function malformed(message: string): BundleError {
  return new BundleError('malformed', message);
}
