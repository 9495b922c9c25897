import { hash } from 'node:crypto';
import { decodeEntries } from './tiles.ts';

/**
 * The write-ahead segments below `wal/`. A group is what one fdatasync made durable:
 *
 *   `CLG1` | payload bytes u32 | first sequence number u64 | entries u32 | SHA-256 of those 20 bytes and the payload | payload
 *
 * (big-endian; the payload is an entry bundle). A group is acknowledged only when it is whole on disk, so cutting a
 * torn last group never loses an acknowledged record.
 */

const MAGIC = Buffer.from('CLG1');
const FIXED_BYTES = 20;
export const HEADER_BYTES = FIXED_BYTES + 32;
/** Far above what the ledger writes at once; bounds what a reader believes. */
const MAX_PAYLOAD_BYTES = 64 * 1024 * 1024;

export interface Group {
  readonly first: number;
  readonly entries: readonly Buffer[];
}

export function encodeGroup(first: number, count: number, payload: Buffer): Buffer {
  const group = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  MAGIC.copy(group, 0);
  group.writeUInt32BE(payload.length, 4);
  group.writeBigUInt64BE(BigInt(first), 8);
  group.writeUInt32BE(count, 16);
  payload.copy(group, HEADER_BYTES);
  digestOf(group, payload.length).copy(group, FIXED_BYTES);
  return group;
}

function digestOf(group: Buffer, payloadBytes: number): Buffer {
  const payload = group.subarray(HEADER_BYTES, HEADER_BYTES + payloadBytes);
  return hash('sha256', Buffer.concat([group.subarray(0, FIXED_BYTES), payload]), 'buffer');
}

/** The group that begins at `at`, and where it ends; undefined when it is not whole and right. */
export function decodeGroup(bytes: Buffer, at: number): { readonly group: Group; readonly end: number } | undefined {
  if (at + HEADER_BYTES > bytes.length || !bytes.subarray(at, at + 4).equals(MAGIC)) return undefined;
  const length = bytes.readUInt32BE(at + 4);
  const end = at + HEADER_BYTES + length;
  if (length > MAX_PAYLOAD_BYTES || end > bytes.length) return undefined;
  const framed = bytes.subarray(at, end);
  if (!digestOf(framed, length).equals(framed.subarray(FIXED_BYTES, HEADER_BYTES))) return undefined;
  const entries = decodeEntries(framed.subarray(HEADER_BYTES));
  if (entries === undefined || entries.length !== framed.readUInt32BE(16)) return undefined;
  return { group: { first: Number(framed.readBigUInt64BE(8)), entries }, end };
}

export interface Segment {
  readonly groups: readonly Group[];
  /** Bytes up to the end of the last whole group. */
  readonly whole: number;
  /** Bytes after it. */
  readonly torn: number;
  /** A whole group lies behind a broken one: that is damage, not a crash. */
  readonly damaged: boolean;
  /** The torn bytes are as long as a group says it is: it was written in full, but is not what was written. */
  readonly spoiled: boolean;
}

/** Whether all of a group's bytes are there although it cannot be decoded. */
function isSpoiled(bytes: Buffer, at: number): boolean {
  const rest = bytes.subarray(at);
  if (rest.length < HEADER_BYTES) return false;
  if (rest.subarray(0, 4).equals(MAGIC) && HEADER_BYTES + rest.readUInt32BE(4) <= rest.length) return true;
  // Its magic or its length may be what is wrong: with the right ones the digest would fit.
  const group = Buffer.from(rest);
  MAGIC.copy(group, 0);
  group.writeUInt32BE(group.length - HEADER_BYTES, 4);
  return decodeGroup(group, 0) !== undefined;
}

export function decodeSegment(bytes: Buffer): Segment {
  const groups: Group[] = [];
  let at = 0;
  for (let next = decodeGroup(bytes, at); next !== undefined; next = decodeGroup(bytes, at)) {
    groups.push(next.group);
    at = next.end;
  }
  let damaged = false;
  for (let found = bytes.indexOf(MAGIC, at + 1); found >= 0 && !damaged; found = bytes.indexOf(MAGIC, found + 1)) {
    damaged = decodeGroup(bytes, found) !== undefined;
  }
  return { groups, whole: at, torn: bytes.length - at, damaged, spoiled: isSpoiled(bytes, at) };
}

/** `wal/0000000000000512`: the first sequence number in it. */
export function segmentName(first: number): string {
  return String(first).padStart(16, '0');
}

export function isSegmentName(name: string): boolean {
  return /^[0-9]{16}$/.test(name);
}
