import { openCheckpoint } from './checkpoint.ts';
import { inclusionProof, leafHash, verifyInclusion } from './merkle.ts';
import type { VerifierKey } from './note.ts';
import { claimedAnchor, entryAt, type LogDirectory, readCheckpoint } from './reader.ts';
import { tileNodes } from './tiles.ts';

/**
 * A proof file (C2SP tlog-proof): one record's inclusion, with the checkpoint it is included in. Whoever has it and the
 * verifier key needs nothing else, least of all us.
 *
 *   c2sp.org/tlog-proof@v1
 *   index <number>
 *   <base64 of a hash> ...
 *   <empty line>
 *   <signed checkpoint>
 */
const HEADER = 'c2sp.org/tlog-proof@v1';

export interface Proof {
  readonly index: number;
  readonly hashes: readonly Buffer[];
  readonly checkpoint: string;
}

/** Throws an Error fit for a person when the record is not under a checkpoint, or a tile is missing. */
export async function proofOf(log: LogDirectory, seq: number): Promise<{ entry: Buffer; proof: Proof }> {
  const checkpoint = await readCheckpoint(log.path);
  const anchor = await claimedAnchor(log.path);
  if (checkpoint === undefined || anchor === undefined) throw new Error('proving a record: the log has no checkpoint');
  const entry = await entryAt(log.path, anchor.size, seq);
  if (entry === undefined)
    throw new Error(`proving a record: the checkpoint covers ${anchor.size} records, ${seq} is not one of them`);
  const hashes = await inclusionProof(tileNodes(log.path, anchor.size), seq, anchor.size);
  return { entry, proof: { index: seq, hashes, checkpoint } };
}

export function formatProof({ index, hashes, checkpoint }: Proof): string {
  return `${[HEADER, `index ${index}`, ...hashes.map((hash) => hash.toString('base64'))].join('\n')}\n\n${checkpoint}`;
}

export function parseProof(text: string): Proof | undefined {
  const end = text.indexOf('\n\n');
  const [header, index = '', ...hashes] = text.slice(0, end).split('\n');
  const number = /^index (0|[1-9][0-9]{0,15})$/.exec(index)?.[1];
  if (end < 0 || header !== HEADER || number === undefined || hashes.length > 64) return undefined;
  const bytes = hashes.map((hash) => Buffer.from(hash, 'base64'));
  if (bytes.some((hash, at) => hash.length !== 32 || hash.toString('base64') !== hashes[at])) return undefined;
  return { index: Number(number), hashes: bytes, checkpoint: text.slice(end + 2) };
}

export function checkProof(proof: Proof, entry: Buffer, verifier: VerifierKey): boolean {
  const opened = openCheckpoint(proof.checkpoint, verifier);
  if (!opened.ok) return false;
  const { size, root } = opened.anchor;
  return verifyInclusion(leafHash(entry), proof.index, size, proof.hashes, Buffer.from(root, 'base64'));
}
