import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { exactly, listOf, only, text, truth, whole } from '#core/shape.ts';
import { parseCheckpoint, refuseSplitView } from './checkpoint.ts';
import { readPrivateFile, writePrivateFile } from './files.ts';

/** Signs checkpoints, each origin only forwards. */
export interface Notary {
  /** C2SP note verifier key. */
  readonly verifierKey: string;
  /** The signature line of the note. */
  sign(body: string): string;
  /** Remembers durably how far each origin was signed, so that the next life of this keeper may go on. */
  close(): void;
}

export const KEY_NAME = 'comptroller.dev/keeper';
/** The algorithm byte of Ed25519 in a signed note. */
const ED25519 = Buffer.from([1]);
/** Origins remembered; a process start makes one, so this is years of them. What was forgotten could be signed twice. */
const MAX_ORIGINS = 4096;

const isMarks = exactly({
  version: only(1),
  /** False while a keeper lives: after a crash the exact sizes are not known, and no old origin is signed again. */
  exact: truth,
  origins: listOf(exactly({ origin: text(200), size: whole(0), root: text(64) }), MAX_ORIGINS),
});

export function openNotary(stateDir: string): Notary {
  const key = checkpointKey(join(stateDir, 'checkpoint.key'));
  const raw = Buffer.from(createPublicKey(key).export({ format: 'jwk' }).x ?? '', 'base64url');
  const hash = keyHash(raw);
  const file = join(stateDir, 'origins.json');
  const { marks, closed } = readMarks(file);
  const save = (exact: boolean): void => {
    const origins = [...marks].map(([origin, mark]) => ({ origin, ...mark }));
    writePrivateFile(file, `${JSON.stringify({ version: 1, exact, origins })}\n`);
  };
  save(false);
  return {
    verifierKey: `${KEY_NAME}+${hash.toString('hex')}+${Buffer.concat([ED25519, raw]).toString('base64')}`,
    sign(body) {
      const next = parseCheckpoint(body);
      if (closed.has(next.origin)) {
        throw new Error('signing a checkpoint: this origin was signed by a keeper that crashed; start a new log');
      }
      refuseSplitView(marks, next);
      const known = marks.has(next.origin);
      if (!known && marks.size >= MAX_ORIGINS) {
        throw new Error(
          `signing a checkpoint: ${MAX_ORIGINS} origins are remembered, which is all there is room for; stop the keeper, move ${file} and the checkpoint key away, and begin with a new key`,
        );
      }
      marks.set(next.origin, { size: next.size, root: next.root });
      try {
        if (!known) save(false);
      } catch (error) {
        // What no disk remembers, a keeper after a crash would sign another history of.
        marks.delete(next.origin);
        throw error;
      }
      const signature = sign(null, Buffer.from(body, 'utf8'), key);
      return `\u2014 ${KEY_NAME} ${Buffer.concat([hash, signature]).toString('base64')}\n`;
    },
    close: () => save(true),
  };
}

/** The first four bytes of SHA-256 over name, line feed, algorithm and key (C2SP signed-note). */
function keyHash(raw: Buffer): Buffer {
  return createHash('sha256').update(`${KEY_NAME}\n`).update(ED25519).update(raw).digest().subarray(0, 4);
}

function checkpointKey(file: string): KeyObject {
  if (!existsSync(file)) {
    const { privateKey } = generateKeyPairSync('ed25519');
    writePrivateFile(file, privateKey.export({ type: 'pkcs8', format: 'pem' }) as string);
  }
  const text = readPrivateFile(file, 'the checkpoint key');
  let key: KeyObject | undefined;
  try {
    key = createPrivateKey(text);
  } catch {
    key = undefined;
  }
  if (key?.asymmetricKeyType !== 'ed25519') {
    throw new Error(
      `reading the checkpoint key ${file}: it must be an Ed25519 private key as PEM; restore it, or move it away to begin with a new key`,
    );
  }
  return key;
}

function readMarks(file: string): { marks: Map<string, { size: number; root: string }>; closed: Set<string> } {
  if (!existsSync(file)) return { marks: new Map(), closed: new Set() };
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    content = undefined;
  }
  if (!isMarks(content)) {
    throw new Error(
      `reading ${file}: it does not hold the origins that were signed; move it away, and start new logs only`,
    );
  }
  const marks = new Map(content.origins.map(({ origin, size, root }) => [origin, { size, root }]));
  return { marks, closed: content.exact ? new Set() : new Set(marks.keys()) };
}
