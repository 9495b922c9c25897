import { HASH_BYTES } from './merkle.ts';
import { openNote, type VerifierKey } from './note.ts';
import type { Anchor } from './port.ts';

/** Three lines: origin, size, base64 of the root. */
export function checkpointBody({ origin, size, root }: Anchor): string {
  return `${origin}\n${size}\n${root}\n`;
}

export function parseCheckpointBody(text: string): Anchor | undefined {
  const [origin = '', size = '', root = '', ...rest] = text.split('\n');
  if (rest.length < 1 || origin === '' || !/^(0|[1-9][0-9]{0,15})$/.test(size)) return undefined;
  const bytes = Buffer.from(root, 'base64');
  if (bytes.length !== HASH_BYTES || bytes.toString('base64') !== root) return undefined;
  return Number.isSafeInteger(Number(size)) ? { origin, size: Number(size), root } : undefined;
}

/** Reads the three lines without asking who signed: for looking things up, never for trusting them. */
export function unverifiedCheckpoint(note: string): Anchor | undefined {
  const end = note.indexOf('\n\n');
  return end < 0 ? undefined : parseCheckpointBody(note.slice(0, end + 1));
}

export type OpenedCheckpoint =
  | { readonly ok: true; readonly anchor: Anchor }
  | { readonly ok: false; readonly why: string };

export function openCheckpoint(note: string, verifier: VerifierKey): OpenedCheckpoint {
  const opened = openNote(note, verifier);
  if (!opened.ok) return opened;
  const anchor = parseCheckpointBody(opened.text);
  return anchor === undefined ? { ok: false, why: 'malformed' } : { ok: true, anchor };
}

const ID = /^[a-z0-9]{10}$/;

export function originOf(cluster: string, logId: string): string {
  return `comptroller.dev/ledger/${cluster}/${logId}`;
}

/** The last part of an origin; undefined when it is not one of ours. */
export function logIdOf(origin: string): string | undefined {
  const id = origin.slice(origin.lastIndexOf('/') + 1);
  return origin.startsWith('comptroller.dev/ledger/') && ID.test(id) ? id : undefined;
}

export function isLogId(name: string): boolean {
  return ID.test(name);
}

/** `<log>-<seq>-<first 128 bits of the leaf hash>`: at most 60 characters. */
export function auditIdOf(logId: string, seq: number, leaf: Buffer): string {
  return `${logId}-${seq}-${leaf.toString('hex', 0, 16)}`;
}

export function parseAuditId(text: string): { logId: string; seq: number; hash: string } | undefined {
  const match = /^([a-z0-9]{10})-(0|[1-9][0-9]{0,15})-([0-9a-f]{32})$/.exec(text);
  return match === null ? undefined : { logId: match[1] as string, seq: Number(match[2]), hash: match[3] as string };
}
