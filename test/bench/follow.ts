/**
 * Waits that cost the control plane next to nothing: one watch each, opened before the clock starts, the same for every
 * manager. What is only counted comes as rows of a table without the objects.
 */
import type { ApiClient } from '#local/client.ts';

const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';

/** Of an answer: what the API server always fills in. */
export interface Item {
  readonly metadata: { readonly name: string; readonly generation?: number };
}

interface Row {
  readonly cells: readonly [string, ...unknown[]];
}

interface Follow<T> {
  readonly path: string;
  readonly accept: string;
  readonly items: (body: unknown) => readonly T[];
  readonly name: (item: T) => string;
  /** Whether it is counted. */
  readonly counts: (item: T) => boolean;
  readonly done: (count: number) => boolean;
}

export interface Waiting {
  /** Resolves when it is so; rejects after the timeout. */
  readonly done: Promise<void>;
}

/** Until so many objects of a collection are as wished. Resolves when the watch is open. */
export function untilAll<T extends Item>(
  client: ApiClient,
  path: string,
  wished: (object: T) => boolean,
  count: number,
  timeout: number,
): Promise<Waiting> {
  return start(client, timeout, {
    path,
    accept: 'application/json',
    items: (body) => (body as { items: T[] }).items,
    name: ({ metadata }) => metadata.name,
    counts: wished,
    done: (found) => found === count,
  });
}

/** Until a collection is empty. Resolves when the watch is open. */
export function untilNone(client: ApiClient, path: string, timeout: number): Promise<Waiting> {
  return start<Row>(client, timeout, {
    path: `${path}?includeObject=None`,
    accept: TABLE,
    items: (body) => (body as { rows?: Row[] | null }).rows ?? [],
    name: ({ cells }) => cells[0],
    counts: () => true,
    done: (found) => found === 0,
  });
}

async function start<T>(client: ApiClient, timeout: number, follow: Follow<T>): Promise<Waiting> {
  const end = new AbortController();
  const open = Promise.withResolvers<void>();
  const done = run(client, follow, end.signal, open.resolve);
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`waited ${timeout} ms in vain for ${follow.path}`)), timeout);
  const settled = Promise.race([done, late.promise]).finally(() => {
    clearTimeout(timer);
    end.abort();
  });
  settled.catch(() => {});
  await Promise.race([open.promise, settled]);
  return { done: settled };
}

/** The API server may cut a watch that reads too slowly: then it starts with a list again. */
async function run<T>(client: ApiClient, follow: Follow<T>, signal: AbortSignal, open: () => void): Promise<void> {
  const headers = { accept: follow.accept };
  while (!signal.aborted) {
    const { status, body } = await client.call('GET', follow.path, { headers });
    if (status !== 200) throw new Error(`listing ${follow.path}: ${status}`);
    const counted = new Set(follow.items(body).filter(follow.counts).map(follow.name));
    const { resourceVersion } = (body as { metadata: { resourceVersion: string } }).metadata;
    open();
    if (follow.done(counted.size)) return;
    const query = `watch=true&resourceVersion=${resourceVersion}`;
    const path = `${follow.path}${follow.path.includes('?') ? '&' : '?'}${query}`;
    for await (const line of client.lines(path, signal, headers)) {
      const { type, object } = line as { type: string; object: unknown };
      if (type === 'ERROR') break;
      take(follow, counted, type, object);
      if (follow.done(counted.size)) return;
    }
  }
}

function take<T>(follow: Follow<T>, counted: Set<string>, type: string, object: unknown): void {
  const items = follow.accept === TABLE ? follow.items(object) : [object as T];
  for (const item of items) {
    if (type !== 'DELETED' && follow.counts(item)) counted.add(follow.name(item));
    else counted.delete(follow.name(item));
  }
}
