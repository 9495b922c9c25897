/** What a checkpoint's body says (C2SP tlog-checkpoint). */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  /** Base64 of the 32 bytes of the Merkle root. */
  readonly root: string;
}

export const ORIGIN_PREFIX = 'comptroller.dev/ledger/';

/** Parses exactly three lines, each ended by a line feed: anything more could be read as something else. */
export function parseCheckpoint(body: string): Checkpoint {
  const lines = body.split('\n');
  if (lines.length !== 4 || lines[3] !== '') {
    throw new Error('signing a checkpoint: the body must be three lines, each ended by a line feed');
  }
  const [origin = '', size = '', root = ''] = lines;
  if (
    !origin.startsWith(ORIGIN_PREFIX) ||
    !/^[A-Za-z0-9._/-]{1,200}$/.test(origin) ||
    origin.length === ORIGIN_PREFIX.length
  ) {
    throw new Error(`signing a checkpoint: the first line must be an origin that begins with ${ORIGIN_PREFIX}`);
  }
  if (!/^(0|[1-9]\d{0,15})$/.test(size) || !Number.isSafeInteger(Number(size))) {
    throw new Error('signing a checkpoint: the second line must be the size in decimal digits');
  }
  const bytes = Buffer.from(root, 'base64');
  if (bytes.length !== 32 || bytes.toString('base64') !== root) {
    throw new Error('signing a checkpoint: the third line must be the base64 of the 32 bytes of the root');
  }
  return { origin, size: Number(size), root };
}

export type Marks = ReadonlyMap<string, { readonly size: number; readonly root: string }>;

/**
 * Refuses a second view of one log: a size below the last one signed, or the same size with another root. Growth is
 * not proven here (that needs the tree); whoever holds two checkpoints of one origin can ask for the consistency proof.
 */
export function refuseSplitView(marks: Marks, next: Checkpoint): void {
  const last = marks.get(next.origin);
  if (last === undefined) return;
  if (next.size < last.size) {
    throw new Error(
      `signing a checkpoint: the size ${next.size} is below ${last.size}, which was signed before; start a new log`,
    );
  }
  if (next.size === last.size && next.root !== last.root) {
    throw new Error(`signing a checkpoint: size ${next.size} was signed with another root; start a new log`);
  }
}
