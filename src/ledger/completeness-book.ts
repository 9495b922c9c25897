import { hash } from 'node:crypto';
import type { JsonObject } from '#core/json.ts';
import { type Leaf, numberOf, textOf } from './leaf.ts';
import type { ViewedLog } from './records-view.ts';

/**
 * What the join remembers of the ledger: 33 bytes a record, 66 an attempt (10 million attempts in 660 MB), in
 * typed arrays by sequence number. Who and what an attempt was about is read again from the ledger where it matters.
 */

/** What the ledger says became of an attempt. */
export const FATE = { none: 0, open: 1, answered: 2, unknown: 3, silent: 4 } as const;
export type Fate = (typeof FATE)[keyof typeof FATE];
export const SEEN = { no: 0, matched: 1, disagreed: 2 } as const;
export const RESOLVED = { no: 0, applied: 1, notApplied: 2, unknown: 3 } as const;

const CHUNK_BITS = 14;
const CHUNK = 1 << CHUNK_BITS;
const DIGEST_BYTES = 16;

interface Chunk {
  readonly digests: Buffer;
  readonly times: Float64Array;
  readonly status: Int16Array;
  readonly fates: Uint8Array;
  readonly seen: Uint8Array;
  readonly resolved: Uint8Array;
  readonly kinds: Uint32Array;
}

const newChunk = (): Chunk => ({
  digests: Buffer.alloc(CHUNK * DIGEST_BYTES),
  times: new Float64Array(CHUNK),
  status: new Int16Array(CHUNK),
  fates: new Uint8Array(CHUNK),
  seen: new Uint8Array(CHUNK),
  resolved: new Uint8Array(CHUNK),
  kinds: new Uint32Array(CHUNK),
});

/** What an audit event must agree on, and what it proves: names as the API server writes them. */
export interface Identified {
  readonly auditHash: string;
  readonly user: string;
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
}

/** The API server gives a Namespace itself as the namespace of requests on it; the ledger does not. */
export function namespaceIn(of: Pick<Identified, 'group' | 'resource' | 'namespace' | 'name'>): string {
  return of.group === '' && of.resource === 'namespaces' ? '' : of.namespace;
}

export function digestOf(of: Identified): Buffer {
  const { auditHash, user, verb, group, resource, subresource, name } = of;
  const text = JSON.stringify([auditHash, user, verb, group, resource, subresource, namespaceIn(of), name]);
  return hash('sha256', text, 'buffer').subarray(0, DIGEST_BYTES);
}

export function identifiedBy(data: JsonObject, auditHash: string): Identified {
  return {
    auditHash,
    user: textOf(data, 'user') ?? '',
    verb: textOf(data, 'verb') ?? '',
    group: textOf(data, 'group') ?? '',
    resource: textOf(data, 'resource') ?? '',
    subresource: textOf(data, 'subresource') ?? '',
    namespace: textOf(data, 'namespace') ?? '',
    name: textOf(data, 'name') ?? '',
  };
}

/** One attempt, as far as the book knows it. */
export interface Entry {
  readonly seq: number;
  readonly time: number;
  readonly status: number;
  readonly fate: Fate;
  readonly seen: number;
  readonly resolved: number;
  readonly kind: number;
}

export class LogBook {
  readonly log: ViewedLog;
  readonly #chunks: Chunk[] = [];
  #size = 0;

  constructor(log: ViewedLog) {
    this.log = log;
  }

  /** How many records of the log are in the book. */
  get size(): number {
    return this.#size;
  }

  grow(seq: number): void {
    while (this.#chunks.length * CHUNK <= seq) this.#chunks.push(newChunk());
    this.#size = Math.max(this.#size, seq + 1);
  }

  #at(seq: number): [Chunk, number] | undefined {
    if (!(seq >= 0 && seq < this.#size)) return undefined;
    return [this.#chunks[Math.floor(seq / CHUNK)] as Chunk, seq % CHUNK];
  }

  intent({ seq, time }: Leaf, digest: Buffer, kind: number): void {
    const [chunk, at] = this.#at(seq) as [Chunk, number];
    digest.copy(chunk.digests, at * DIGEST_BYTES);
    chunk.times[at] = Date.parse(time);
    chunk.fates[at] = FATE.open;
    chunk.kinds[at] = kind;
  }

  outcome(data: JsonObject): void {
    const found = this.#at(numberOf(data, 'intent') ?? -1);
    if (found === undefined) return;
    const [chunk, at] = found;
    if (chunk.fates[at] === FATE.none) return;
    const kind = textOf(data, 'kind');
    const status = numberOf(data, 'status');
    if (kind === 'fenced' || kind === 'unsent') chunk.fates[at] = FATE.silent;
    else if (kind === 'unknown' || status === undefined) chunk.fates[at] = FATE.unknown;
    else chunk.fates[at] = FATE.answered;
    chunk.status[at] = status ?? 0;
  }

  resolve(seq: number, as: string | undefined): boolean {
    const found = this.#at(seq);
    if (found === undefined) return false;
    const [chunk, at] = found;
    chunk.resolved[at] =
      as === 'applied' ? RESOLVED.applied : as === 'not-applied' ? RESOLVED.notApplied : RESOLVED.unknown;
    return true;
  }

  see(seq: number, seen: number): void {
    const found = this.#at(seq);
    if (found !== undefined) found[0].seen[found[1]] = seen;
  }

  agrees(seq: number, digest: Buffer): boolean {
    const found = this.#at(seq);
    if (found === undefined) return false;
    const from = found[1] * DIGEST_BYTES;
    return digest.equals(found[0].digests.subarray(from, from + DIGEST_BYTES));
  }

  /** Undefined when the record is no attempt. */
  entry(seq: number): Entry | undefined {
    const found = this.#at(seq);
    if (found === undefined) return undefined;
    const [chunk, at] = found;
    const fate = chunk.fates[at] as Fate;
    if (fate === FATE.none) return undefined;
    return {
      seq,
      time: chunk.times[at] as number,
      status: chunk.status[at] as number,
      fate,
      seen: chunk.seen[at] as number,
      resolved: chunk.resolved[at] as number,
      kind: chunk.kinds[at] as number,
    };
  }

  *attempts(): Generator<Entry> {
    for (let seq = 0; seq < this.#size; seq += 1) {
      const entry = this.entry(seq);
      if (entry !== undefined) yield entry;
    }
  }
}

/** What attempts have in common and an audit policy may hide. */
export interface AttemptKind {
  readonly user: string;
  /** `core/pods`. */
  readonly resource: string;
  readonly verb: string;
  readonly namespace: string;
}

const MAX_NAMESPACES = 50_000;

/** Interns kinds. Namespaces beyond a bound are not told apart. */
export class Kinds {
  readonly list: AttemptKind[] = [];
  readonly #known = new Map<string, number>();
  readonly #namespaces = new Set<string>();

  of({ user, group, resource, verb, namespace }: Identified): number {
    const room = this.#namespaces.size < MAX_NAMESPACES || this.#namespaces.has(namespace);
    const told = room ? namespace : '';
    if (room) this.#namespaces.add(namespace);
    const kind = { user, resource: `${group || 'core'}/${resource}`, verb, namespace: told };
    const key = JSON.stringify([user, kind.resource, verb, told]);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    this.#known.set(key, this.list.length);
    this.list.push(kind);
    return this.list.length - 1;
  }

  at(kind: number): AttemptKind {
    return this.list[kind] as AttemptKind;
  }
}
