import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Epoch } from '../leader/port.ts';
import { openCheckpoint, originOf, unverifiedCheckpoint } from './checkpoint.ts';
import { replaceFile } from './files.ts';
import { type Leaf, numberOf, parseLeaf } from './leaf.ts';
import { leafHash, rangeRoot } from './merkle.ts';
import { OTHER_KEY, type VerifierKey } from './note.ts';
import type { Anchor } from './port.ts';
import { Publisher, type Sign } from './publisher.ts';
import { BrokenLog, bundles, findLogs, type LogDirectory, readCheckpoint, segmentsOf, tail } from './reader.ts';
import { type LastDenial, type OpenIntent, type State, StateFold } from './state.ts';
import { tileNodes } from './tiles.ts';

/** A log of an earlier process, as this one found it: goes into the start record. */
export interface Previous extends Anchor {
  readonly id: string;
  readonly ordinal: number;
  readonly started: string;
  /** Ended by a stop record. */
  readonly stopped: boolean;
  /** Bytes of a group that a crash cut; nothing in them was ever acknowledged. */
  readonly tornBytes: number;
  /** Why it cannot be believed; its state up to there is carried on. */
  readonly damaged?: string;
  /** Whether a signed checkpoint covers all of it; else the successor's start record does. */
  readonly signed: boolean;
  /** Its checkpoint is signed, by a key that is not the keeper's now. */
  readonly otherKey?: true;
}

export interface Recovered {
  /** In the order of their starts. */
  readonly previous: readonly Previous[];
  /** The next log's. */
  readonly ordinal: number;
  readonly state: State;
}

/** What the first record of a log says of its start. */
interface Start {
  readonly started: string;
  /** One more than the highest in the directory before it, from 1: clocks are set back. 0 where it cannot be read. */
  readonly ordinal: number;
}

interface Found {
  readonly previous: Previous;
  readonly state: State;
}

/** A cache of what a scan would find, believed only for exactly that size and root. Delete it to force the scan. */
interface Cached {
  readonly size: number;
  readonly root: string;
  readonly started: string;
  readonly stopped: boolean;
  readonly bundleVersion: number;
  readonly epoch?: Epoch;
  readonly open: readonly OpenIntent[];
  readonly denials: readonly LastDenial[];
}

export async function saveState(log: string, anchor: Anchor, started: string, state: State): Promise<void> {
  const cached: Cached = {
    size: anchor.size,
    root: anchor.root,
    started,
    stopped: state.stopped,
    bundleVersion: state.bundleVersion,
    ...(state.epoch !== undefined && { epoch: state.epoch }),
    open: [...state.open.values()],
    denials: [...state.denials.values()],
  };
  await replaceFile(join(log, 'state.json'), `${JSON.stringify(cached)}\n`);
}

async function cachedState(log: string, anchor: Anchor): Promise<Cached | undefined> {
  try {
    const cached = JSON.parse(await readFile(join(log, 'state.json'), 'utf8')) as Cached;
    const same = cached.size === anchor.size && cached.root === anchor.root && typeof cached.started === 'string';
    return same && Array.isArray(cached.open) && Array.isArray(cached.denials) ? cached : undefined;
  } catch {
    return undefined;
  }
}

/** What it saved holds all that was before it, as its process knew; a policy that was taken over is never given back. */
function stateOf(cached: Cached, before: State): State {
  return {
    bundleVersion: Math.max(before.bundleVersion, cached.bundleVersion),
    epoch: cached.epoch,
    open: new Map(cached.open.map((intent) => [intent.auditId, intent])),
    denials: new Map(cached.denials.map((denial) => [denial.writeId, denial])),
    stopped: cached.stopped,
  };
}

export interface RecoverOptions {
  readonly directory: string;
  readonly cluster: string;
  readonly sign: Sign;
  readonly verifier: VerifierKey;
}

const EMPTY: State = { bundleVersion: 0, epoch: undefined, open: new Map(), denials: new Map(), stopped: true };

/**
 * Reads the logs of earlier processes in the order of their starts, finishes the tiles and the checkpoint of one that
 * crashed, and folds what a new process must know. Never throws for damage: it is written down and carried on.
 */
export async function recover(options: RecoverOptions): Promise<Recovered> {
  const starts: { log: LogDirectory; start: Start }[] = [];
  for (const log of await findLogs(options.directory)) {
    const start = await startOf(log.path);
    if (start !== undefined) starts.push({ log, start });
  }
  starts.sort(
    (a, b) => a.start.ordinal - b.start.ordinal || order(a.start.started, b.start.started) || order(a.log.id, b.log.id),
  );
  let state: State = EMPTY;
  const previous: Previous[] = [];
  for (const { log, start } of starts) {
    const found = await recoverLog(log, start, state, options);
    state = found.state;
    previous.push(found.previous);
  }
  return { previous, ordinal: Math.max(0, ...starts.map(({ start }) => start.ordinal)) + 1, state };
}

const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Undefined for a log without a record. */
async function startOf(path: string): Promise<Start | undefined> {
  const note = await readCheckpoint(path);
  const claimed = note === undefined ? undefined : unverifiedCheckpoint(note);
  if (claimed !== undefined && claimed.size > 0) {
    for await (const { entries } of swallow(bundles(path, claimed.size))) return startIn(entries[0] as Buffer);
  }
  for await (const { entries } of tail(path, 0)) return startIn(entries[0] as Buffer);
  return note === undefined ? undefined : UNREADABLE;
}

const UNREADABLE: Start = { started: '', ordinal: 0 };

function startIn(entry: Buffer): Start {
  const leaf = parseLeaf(entry);
  if (leaf === undefined) return UNREADABLE;
  const ordinal = numberOf(leaf.data, 'ordinal') ?? 0;
  return { started: leaf.time, ordinal: Number.isSafeInteger(ordinal) ? ordinal : 0 };
}

async function* swallow<T>(source: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* source;
  } catch (error) {
    if (!(error instanceof BrokenLog)) throw error;
  }
}

async function recoverLog(log: LogDirectory, start: Start, before: State, options: RecoverOptions): Promise<Found> {
  const note = await readCheckpoint(log.path);
  const opened = note === undefined ? undefined : openCheckpoint(note, options.verifier);
  const ours = opened?.ok === true;
  // After the checkpoint key was changed every older log is another key's: its state counts, and it is not signed anew.
  const others = opened?.ok === false && opened.why === OTHER_KEY;
  const anchor = note !== undefined && (ours || others) ? unverifiedCheckpoint(note) : undefined;
  const by = others ? { otherKey: true as const } : {};
  const segments = await segmentsOf(log.path);
  if (anchor !== undefined && segments.length === 0) {
    const cached = await cachedState(log.path, anchor);
    if (cached !== undefined) {
      const { stopped } = cached;
      const previous = { ...anchor, id: log.id, ...start, stopped, tornBytes: 0, signed: ours, ...by };
      return { previous, state: stateOf(cached, before) };
    }
  }
  const scan = new Scan(log, before, anchor, segments[0]?.first ?? Number.POSITIVE_INFINITY, options);
  if (opened?.ok === false && (!others || anchor === undefined)) scan.damaged = `checkpoint: ${opened.why}`;
  await scan.run();
  const signed = !others && (await scan.finish(segments.map(({ path }) => path)));
  const state = scan.fold.state();
  const end = scan.publisher.anchor();
  if (signed) await saveState(log.path, end, start.started, state);
  const previous: Previous = {
    ...end,
    id: log.id,
    ...start,
    stopped: state.stopped,
    tornBytes: scan.tornBytes,
    signed,
    ...by,
    ...(scan.damaged !== undefined && { damaged: scan.damaged }),
  };
  return { previous, state };
}

/** Bytes of entries held before their tiles are written. */
const STEP_BYTES = 16 * 1024 * 1024;

/** One pass over a log: rebuilds its tree, compares it with the signed checkpoint, folds its records. */
class Scan {
  readonly fold: StateFold;
  readonly publisher: Publisher;
  tornBytes = 0;
  damaged: string | undefined;
  readonly #log: LogDirectory;
  readonly #anchor: Anchor | undefined;
  /** Records below are in tiles that were synced; from here on the write-ahead segments have them. */
  readonly #written: number;
  #grown = false;

  constructor(
    log: LogDirectory,
    before: State,
    anchor: Anchor | undefined,
    written: number,
    { cluster, sign }: RecoverOptions,
  ) {
    this.#log = log;
    this.#anchor = anchor;
    this.#written = written;
    this.fold = new StateFold(log.id, before);
    this.publisher = new Publisher(log.path, originOf(cluster, log.id), sign, written);
  }

  async run(): Promise<void> {
    const size = this.#anchor?.size ?? 0;
    try {
      await this.#published(Math.min(size, this.#written));
      await this.#tail();
      await this.#published(size);
    } catch (error) {
      if (!(error instanceof BrokenLog)) throw error;
      this.damaged ??= error.message;
    }
  }

  async #published(size: number): Promise<void> {
    for await (const { entries } of bundles(this.#log.path, size, this.publisher.size))
      for (const entry of entries) this.#add(entry);
  }

  async #tail(): Promise<void> {
    const groups = tail(this.#log.path, this.publisher.size);
    for (let next = await groups.next(); ; next = await groups.next()) {
      if (next.done === true) {
        this.tornBytes = next.value.tornBytes;
        if (next.value.damaged) this.damaged ??= 'a write-ahead segment is broken before its end';
        return;
      }
      this.#grown = true;
      for (const entry of next.value.entries) this.#add(entry);
      if (this.damaged === undefined && this.publisher.waitingBytes > STEP_BYTES) await this.publisher.materialise();
    }
  }

  #add(entry: Buffer): void {
    const hash = leafHash(entry);
    const leaf: Leaf | undefined = parseLeaf(entry);
    if (leaf === undefined) this.damaged ??= 'a record is malformed';
    else this.fold.add(leaf, hash);
    this.publisher.append(entry, hash);
    if (this.publisher.size === this.#anchor?.size) this.#compare(this.#anchor);
  }

  #compare(signed: Anchor): void {
    const { origin, root } = this.publisher.anchor();
    if (root === signed.root && origin === signed.origin) return;
    this.damaged ??= 'its records do not have the root that was signed';
  }

  /** Writes the missing tiles and asks for a signature; a keeper that knows better may refuse. Never signs damage. */
  async finish(segments: readonly string[]): Promise<boolean> {
    if (this.damaged !== undefined) return false;
    if (!this.#grown && segments.length === 0) return this.#anchor !== undefined;
    const anchor = await this.publisher.materialise();
    try {
      await this.publisher.publish(anchor, await this.publisher.signature(anchor));
    } catch {
      return false;
    }
    await this.publisher.dropLeftovers();
    await this.publisher.sync();
    await this.publisher.dropSegments(segments);
    return true;
  }
}

/** How an anchor from the Lease stands to the logs here. */
export type AnchorCheck = 'consistent' | 'rolled-back' | 'forked' | 'other-replica';

export async function compareAnchor(anchor: Anchor, directory: string, known: readonly Anchor[]): Promise<AnchorCheck> {
  const own = known.find(({ origin }) => origin === anchor.origin);
  if (own === undefined) return 'other-replica';
  if (anchor.size > own.size) return 'rolled-back';
  const path = join(directory, anchor.origin.slice(anchor.origin.lastIndexOf('/') + 1));
  try {
    const root = await rangeRoot(tileNodes(path, own.size), 0, anchor.size);
    return root.toString('base64') === anchor.root ? 'consistent' : 'forked';
  } catch {
    return 'forked';
  }
}
