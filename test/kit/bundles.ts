import { copyFileSync, cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Installation } from '#local/manager.ts';
import { sha256, signBundle } from '#policy/bundle.ts';

const SHIPPED = join(import.meta.dirname, '../../policies/build');
/** In the order of their arrival: what names the others comes last. */
const FILES = ['policy.wasm', 'data.json', 'selftest.json', 'manifest.json', 'signatures.json'] as const;

export interface BundleChange {
  readonly version: number;
  /** Instead of the shipped one; unsigned or signed by whomever. */
  readonly from?: string;
  /** Of the signed data, before it is signed. */
  readonly data?: (data: Record<string, unknown>) => void;
  /** What becomes of the directory after it was signed as it should be. */
  readonly after?: (directory: string) => unknown;
}

interface ManifestText {
  version: number;
  files: Record<string, { sha256: string; size: number }>;
}

/** Writes another bundle beside the one in force, signs it, and puts its files in their places. */
export async function ship({ bundle, signer }: Installation, change: BundleChange): Promise<void> {
  const next = mkdtempSync(`${bundle}-`);
  cpSync(change.from ?? SHIPPED, next, { recursive: true });
  const manifest = JSON.parse(readFileSync(join(next, 'manifest.json'), 'utf8')) as ManifestText;
  manifest.version = change.version;
  if (change.data !== undefined) {
    const data = JSON.parse(readFileSync(join(next, 'data.json'), 'utf8')) as Record<string, unknown>;
    change.data(data);
    const text = `${JSON.stringify(data)}\n`;
    writeFileSync(join(next, 'data.json'), text);
    manifest.files['data.json'] = { sha256: sha256(text), size: Buffer.byteLength(text) };
  }
  writeFileSync(join(next, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  rmSync(join(next, 'signatures.json'), { force: true });
  await signBundle(next, signer, 'local-policy-signer');
  await change.after?.(next);
  for (const file of FILES) {
    // Each whole or not at all, as a careful deployment has it.
    copyFileSync(join(next, file), join(bundle, `${file}.new`));
    renameSync(join(bundle, `${file}.new`), join(bundle, file));
  }
  rmSync(next, { recursive: true });
}

/** The version that lies there, in force or not. */
export function versionAt({ bundle }: Installation): number {
  return (JSON.parse(readFileSync(join(bundle, 'manifest.json'), 'utf8')) as ManifestText).version;
}
