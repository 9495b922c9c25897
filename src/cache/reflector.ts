import { TransportError } from '#api/failure.ts';
import type { Reader, Streams } from '#api/port.ts';
import { type ApiObject, shortName } from '#core/resource.ts';
import { isRV } from '#core/rv.ts';
import type { Clock, Ms } from '#core/time.ts';
import type { Identities } from '#identity/port.ts';
import type { Log, Meter } from '#telemetry/port.ts';
import { createBackoff, pause } from './backoff.ts';
import type { Decoder } from './decode.ts';
import { type Collector, createCollector, refusalIn, takeEvent } from './intake.ts';
import { latest } from './latest.ts';
import { ListRefused, listPages } from './list.ts';
import type { CachePlan } from './plan-caches.ts';
import { told, UNKNOWN } from './remedies.ts';
import { acceptOf, timeoutSeconds, watchListPath, watchPath } from './requests.ts';
import type { Store } from './store.ts';
import { verify } from './verify.ts';
import { wentBack } from './went-back.ts';

/** Keeps one store in line with the API server: lists once, then watches, for ever. */
export interface Reflector {
  readonly plan: CachePlan;
  /** Runs until the signal aborts. Never throws. */
  run(signal: AbortSignal): Promise<void>;
  /** Resolves when no list is due: the store is at some moment of the API server's history. Or when the reflector ends. */
  settled(): Promise<void>;
  /** Resolves when the store has passed a moment after the call. Rejects when the reflector ends first. */
  passNow(): Promise<void>;
  /** Lists afresh; nothing of before counts. */
  startEra(): void;
  /** Opens another watch with the identity's newest certificate, then closes the old one. */
  renew(): void;
  /** Monotonic time of the last sign of life. */
  aliveAt(): Ms;
}

export interface ReflectorParts {
  readonly plan: CachePlan;
  readonly store: Store;
  readonly decoder: Decoder;
  readonly reader: Reader;
  readonly streams: Streams;
  readonly identities: Identities;
  readonly clock: Clock;
  readonly meter: Meter;
  readonly log: Log;
  /** In [0, 1). */
  readonly random: () => number;
  /** History went back: starts an era, in this reflector at least. Throws as a list does where it has to ask first. */
  readonly onBack: (why: string) => void | Promise<void>;
}

/** Bookmarks come about once a minute; nothing for two means that the connection is dead. */
export const SILENCE: Ms = 120_000;
const INITIAL_END = 'k8s.io/initial-events-end';

type Opened = Awaited<ReturnType<Streams['watch']>>;

/** How a watch ended, and what it asks for. */
type End =
  /** In order, or aborted by ourselves. */
  | { readonly kind: 'clean' }
  | { readonly kind: 'broken' }
  /** The API server no longer has the history since our version. */
  | { readonly kind: 'expired' }
  | { readonly kind: 'refused'; readonly status: number; readonly wait?: Ms };

interface State {
  /** Why a list is due; undefined while watching. */
  due: string | undefined;
  /** The list that is due starts an era. */
  fresh: boolean;
  /** False once the API server refused WatchList. */
  watchList: boolean;
  /** Whether the list that was begun last came in whole. */
  whole: boolean;
  /** Whether the API server's history was looked at since a watch ended. */
  checked: boolean;
  /** Counts the lists begun. */
  lists: number;
  /** Ends the connection in use. */
  current: AbortController | undefined;
  /** The certificate's turn of the connection in use. */
  turn: number;
  /** A renewed watch that is open already. */
  next: Connection | undefined;
  renewing: boolean;
  alive: Ms;
  signal: AbortSignal;
  waiting: (() => void)[];
}

export function createReflector(parts: ReflectorParts): Reflector {
  const state: State = {
    due: 'start',
    fresh: false,
    watchList: true,
    whole: false,
    checked: false,
    lists: 0,
    current: undefined,
    turn: 0,
    next: undefined,
    renewing: false,
    alive: parts.clock.now().mono,
    signal: AbortSignal.abort(),
    waiting: [],
  };
  return {
    plan: parts.plan,
    run: (signal) => run(parts, state, signal),
    settled: () => settled(state),
    passNow: latest(() => passNow(parts, state)),
    startEra: () => {
      state.fresh = true;
      relist(state, 'era');
    },
    renew: () => void renew(parts, state),
    aliveAt: () => state.alive,
  };
}

async function run(parts: ReflectorParts, state: State, signal: AbortSignal): Promise<void> {
  const backoff = createBackoff(parts.clock, parts.random);
  state.signal = signal;
  while (!signal.aborted) {
    const begun = parts.clock.now().mono;
    const before = parts.store.syncedRV();
    const end = await once(parts, state);
    if (signal.aborted) break;
    if (end.kind === 'expired') relist(state, 'expired');
    if (state.next !== undefined || end.kind === 'expired') continue;
    const stood = parts.clock.now().mono - begun;
    backoff.stood(stood);
    // A watch that ends in order is taken up at once, unless the server does nothing but end it.
    const futile = stood < 1000 && parts.store.syncedRV() === before;
    if (end.kind === 'clean' && (state.due !== undefined || !futile)) continue;
    await pause(parts.clock, backoff.next(end.kind === 'refused' ? end.wait : 0), signal);
  }
  state.next?.controller.abort();
  for (const wake of state.waiting.splice(0)) wake();
}

/** One list, one watch, or one of both in one. Turns every failure into an end. */
async function once(parts: ReflectorParts, state: State): Promise<End> {
  try {
    if (state.due === undefined) return (await checkHistory(parts, state)) ?? (await watch(parts, state));
    parts.meter.count('cache_relists_total', { resource: shortName(parts.plan.resource), why: state.due });
    state.lists++;
    state.whole = false;
    return state.watchList ? await watchList(parts, state) : await list(parts, state);
  } catch (error) {
    if (error instanceof ListRefused) return refused(parts, error.status, error.retryAfter);
    // By ourselves, while it was being opened: a list is due, or the end has come.
    if (error instanceof TransportError && error.trouble === 'aborted') return { kind: 'clean' };
    if (!(error instanceof TransportError)) logBug(parts, error);
    else parts.log.warn('listing or watching', { resource: shortName(parts.plan.resource), ...told(error) });
    return { kind: 'broken' };
  }
}

function logBug({ log, plan }: ReflectorParts, error: unknown): void {
  log.error('reflecting a resource', {
    resource: shortName(plan.resource),
    error: error instanceof Error ? error.name : 'unknown',
  });
}

function refused({ log, plan }: ReflectorParts, status: number, retryAfter: Ms | undefined): End {
  if (status === 410) return { kind: 'expired' };
  const remedy = status === 401 ? { remedy: UNKNOWN } : {};
  log.warn('listing or watching: the API server refused', { resource: shortName(plan.resource), status, ...remedy });
  return { kind: 'refused', status, ...(retryAfter !== undefined && { wait: retryAfter }) };
}

interface Connection {
  readonly opened: Opened;
  readonly controller: AbortController;
  readonly turn: number;
}

async function open(
  parts: ReflectorParts,
  state: State,
  path: string,
  controller: AbortController,
): Promise<Connection> {
  const { plan, streams, identities } = parts;
  const { turn } = identities.current(plan.identity);
  const signal = AbortSignal.any([controller.signal, state.signal]);
  const opened = await streams.watch(plan.identity, path, { signal, silence: SILENCE, ...acceptOf(plan, 'watch') });
  return { opened, controller, turn };
}

/** The same as the connection in use: whoever asks for a list ends it. */
function openCurrent(parts: ReflectorParts, state: State, path: string): Promise<Connection> {
  state.current = new AbortController();
  return open(parts, state, path, state.current);
}

async function watch(parts: ReflectorParts, state: State): Promise<End> {
  const path = watchPath(parts.plan, parts.store.syncedRV(), timeoutSeconds(parts.random));
  state.checked = false;
  const connection = state.next ?? (await openCurrent(parts, state, path));
  state.next = undefined;
  state.current = connection.controller;
  return follow(parts, state, connection, undefined);
}

async function watchList(parts: ReflectorParts, state: State): Promise<End> {
  const connection = await openCurrent(parts, state, watchListPath(parts.plan, timeoutSeconds(parts.random)));
  const { status } = connection.opened;
  // The request as such was refused: this API server has no WatchList.
  if (status === 400 || status === 404 || status === 422) {
    state.watchList = false;
    connection.controller.abort();
    return list(parts, state);
  }
  const end = await follow(parts, state, connection, createCollector(parts.store, parts.decoder));
  if (state.whole || state.signal.aborted) return end;
  // It ended before the list was whole. An ERROR event may say that the storage cannot do it: pages can.
  if (end.kind === 'refused' && end.status >= 500) return list(parts, state);
  return end.kind === 'clean' && !state.fresh ? { kind: 'broken' } : end;
}

async function list(parts: ReflectorParts, state: State): Promise<End> {
  const collector = createCollector(parts.store, parts.decoder);
  const rv = await listPages(parts.reader, parts.plan, state.signal, {
    take: (items) => {
      for (const item of items) collector.put('ADDED', item);
      state.alive = parts.clock.now().mono;
    },
    restart: () => collector.clear(),
  });
  await takeList(parts, state, collector, rv);
  return { kind: 'clean' };
}

/** Reads a watch to its end. `initial` collects the objects of a WatchList until its bookmark. */
async function follow(
  parts: ReflectorParts,
  state: State,
  { opened, controller, turn }: Connection,
  initial: Collector | undefined,
): Promise<End> {
  state.turn = turn;
  try {
    if (opened.status !== 200) return refused(parts, opened.status, opened.retryAfter);
    if (initial === undefined) renewIfOld(parts, state);
    let collecting = initial;
    for await (const line of opened.lines) {
      state.alive = parts.clock.now().mono;
      parts.meter.count('cache_events_total', { resource: shortName(parts.plan.resource), type: line.type });
      if (line.type === 'ERROR') return refused(parts, ...refusalIn(line.object));
      if (line.type === 'BOOKMARK') {
        if (await bookmark(parts, state, line.object, collecting)) collecting = undefined;
      } else if (collecting !== undefined) collecting.put(line.type, line.object);
      // A list is due that replaces all: what still comes in order before it is of no use.
      else if (state.due === undefined) takeEvent(parts.store, parts.decoder, line.type, line.object);
    }
    return { kind: 'clean' };
  } finally {
    controller.abort();
    state.checked = false;
    if (state.current === controller) state.current = undefined;
  }
}

/** Says whether it ended the initial list. */
async function bookmark(
  parts: ReflectorParts,
  state: State,
  object: unknown,
  collecting: Collector | undefined,
): Promise<boolean> {
  const { metadata } = object as ApiObject;
  const rv = metadata?.resourceVersion;
  if (!isRV(rv)) throw new TransportError('malformed');
  if (collecting === undefined) {
    if (state.due === undefined) parts.store.advance(rv);
    return false;
  }
  const annotations: object = metadata?.annotations ?? {};
  if (!Object.hasOwn(annotations, INITIAL_END)) return false;
  await takeList(parts, state, collecting, rv);
  renewIfOld(parts, state);
  return true;
}

/** A renewal may have come while the connection was being opened. */
function renewIfOld(parts: ReflectorParts, state: State): void {
  if (parts.identities.current(parts.plan.identity).turn !== state.turn) void renew(parts, state);
}

async function takeList(parts: ReflectorParts, state: State, collector: Collector, rv: string): Promise<void> {
  const objects = collector.objects();
  const why = state.fresh ? undefined : parts.store.contradiction(objects, rv);
  if (why !== undefined) {
    await parts.onBack(why);
    return;
  }
  parts.store.replace(objects, rv, state.fresh);
  state.whole = true;
  state.checked = true;
  state.fresh = false;
  state.due = undefined;
  for (const wake of state.waiting.splice(0)) wake();
}

function relist(state: State, why: string): void {
  state.due ??= why;
  state.next?.controller.abort();
  state.next = undefined;
  state.current?.abort();
}

function settled(state: State): Promise<void> {
  if (state.due === undefined) return Promise.resolve();
  return new Promise((resolve) => state.waiting.push(resolve));
}

/**
 * Whoever answers now may be another API server, or a restored one: its history must not end before ours. No watch is
 * opened before that is sure, for it would only wait in silence until the revisions have caught up with what was known.
 */
async function checkHistory(parts: ReflectorParts, state: State): Promise<End | undefined> {
  if (state.checked || state.next !== undefined) return undefined;
  await lookBack(parts, state);
  state.checked = true;
  return state.due === undefined ? undefined : { kind: 'clean' };
}

async function lookBack(parts: ReflectorParts, state: State): Promise<void> {
  const back = await wentBack(parts, state.signal);
  // Another resource may have started the era while this was asked.
  if (back && state.due === undefined) await parts.onBack('the resourceVersion of a list went back');
}

async function passNow(parts: ReflectorParts, state: State): Promise<void> {
  const { signal } = state;
  const backoff = createBackoff(parts.clock, parts.random);
  while (!signal.aborted) {
    await settled(state);
    const { lists } = state;
    const current = (): boolean => state.lists === lists;
    try {
      const result = await verify({ ...parts, current }, signal);
      if (result.kind === 'passed') return;
      // Somebody else may have asked for a list meanwhile.
      if (current() && state.due === undefined) {
        if (result.kind === 'back') await parts.onBack(result.why);
        else relist(state, 'behind');
      }
      // That list begins after the call, so it is the proof.
      await settled(state);
      if (!signal.aborted) return;
    } catch (error) {
      const known = error instanceof TransportError || error instanceof ListRefused;
      if (!known) logBug(parts, error);
      const wait = error instanceof ListRefused ? error.retryAfter : 0;
      await pause(parts.clock, backoff.next(wait), signal);
    }
  }
  throw new TransportError('aborted');
}

async function renew(parts: ReflectorParts, state: State): Promise<void> {
  const replaced = state.current;
  // A list in progress ends soon, and looks then; a watch that is not open takes the new certificate by itself.
  if (state.due !== undefined || replaced === undefined || state.next !== undefined || state.renewing) return;
  state.renewing = true;
  const backoff = createBackoff(parts.clock, parts.random);
  const wanted = (): boolean => state.current === replaced && state.due === undefined && !state.signal.aborted;
  while (wanted()) {
    const controller = new AbortController();
    const another = async (): Promise<Connection> => {
      await lookBack(parts, state);
      if (!wanted()) throw new TransportError('aborted');
      return open(
        parts,
        state,
        watchPath(parts.plan, parts.store.syncedRV(), timeoutSeconds(parts.random)),
        controller,
      );
    };
    const connection = await another().catch(() => undefined);
    if (connection?.opened.status === 200 && wanted()) {
      state.next = connection;
      replaced.abort();
      break;
    }
    controller.abort();
    await pause(parts.clock, backoff.next(), state.signal);
  }
  state.renewing = false;
}
