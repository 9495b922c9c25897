import { createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto';

/**
 * Signed notes (C2SP signed-note, Go's sumdb/note): a text that ends with a line break, an empty line, and lines
 * `— <name> <base64 of 4 bytes of key id and the signature>`. Ed25519 only (algorithm 1).
 */

const ED25519 = 1;
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');
const MAX_NOTE_BYTES = 64 * 1024;

export interface VerifierKey {
  readonly name: string;
  readonly id: Buffer;
  readonly key: KeyObject;
}

function keyId(name: string, typed: Buffer): Buffer {
  return hash('sha256', Buffer.concat([Buffer.from(`${name}\n`), typed]), 'buffer').subarray(0, 4);
}

function rawPublic(key: KeyObject): Buffer {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
}

/** `<name>+<8 hexadecimal digits>+<base64>`, as `note.NewVerifier` reads it. */
export function formatVerifierKey(name: string, publicKey: KeyObject): string {
  const typed = Buffer.concat([Buffer.from([ED25519]), rawPublic(publicKey)]);
  return `${name}+${keyId(name, typed).toString('hex')}+${typed.toString('base64')}`;
}

/** Throws an Error fit for a person when the text is no Ed25519 verifier key. */
export function parseVerifierKey(text: string): VerifierKey {
  const match = /^([^\s+]{1,256})\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/.exec(text.trim());
  if (match === null) throw new Error('reading the verifier key: it is not of the form <name>+<hash>+<base64>');
  const [, name = '', id = '', base64 = ''] = match;
  const typed = Buffer.from(base64, 'base64');
  if (typed.length !== 33 || typed[0] !== ED25519)
    throw new Error('reading the verifier key: it is not an Ed25519 key');
  if (keyId(name, typed).toString('hex') !== id) throw new Error('reading the verifier key: its hash does not match');
  const der = Buffer.concat([SPKI_PREFIX, typed.subarray(1)]);
  return { name, id: Buffer.from(id, 'hex'), key: createPublicKey({ key: der, format: 'der', type: 'spki' }) };
}

/** The signature line for a text, ended by a line break. The private key is the keeper's, never the ledger's. */
export function signatureLine(name: string, privateKey: KeyObject, text: string): string {
  const typed = Buffer.concat([Buffer.from([ED25519]), rawPublic(privateKey)]);
  const signature = sign(null, Buffer.from(text), privateKey);
  return `— ${name} ${Buffer.concat([keyId(name, typed), signature]).toString('base64')}\n`;
}

export type OpenedNote =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly why: 'malformed' | 'not signed by this key' | 'signature is wrong' };

/** Well-formed, and by somebody else: also what every note is after the key was changed. */
export const OTHER_KEY = 'not signed by this key';

/** The text of a note that carries a valid signature of the key; signatures of other keys are passed over. */
export function openNote(note: string, verifier: VerifierKey): OpenedNote {
  const end = note.lastIndexOf('\n\n');
  if (note.length > MAX_NOTE_BYTES || end < 0 || !note.endsWith('\n')) return { ok: false, why: 'malformed' };
  const text = note.slice(0, end + 1);
  const lines = note.slice(end + 2, -1).split('\n');
  if (lines.length > 16) return { ok: false, why: 'malformed' };
  let signed = false;
  for (const line of lines) {
    const match = /^— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/.exec(line);
    if (match === null) return { ok: false, why: 'malformed' };
    const bytes = Buffer.from(match[2] as string, 'base64');
    if (bytes.toString('base64') !== match[2]) return { ok: false, why: 'malformed' };
    if (match[1] !== verifier.name || !bytes.subarray(0, 4).equals(verifier.id)) continue;
    if (!verify(null, Buffer.from(text), verifier.key, bytes.subarray(4)))
      return { ok: false, why: 'signature is wrong' };
    signed = true;
  }
  return signed ? { ok: true, text } : { ok: false, why: OTHER_KEY };
}
