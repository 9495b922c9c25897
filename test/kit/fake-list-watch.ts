import { TransportError } from '#api/failure.ts';
import { createMailbox, type Mailbox } from '#api/mailbox.ts';
import type { ReadAnswer, Reader, Streams, WatchLine } from '#api/port.ts';
import type { Credential, Identities } from '#identity/port.ts';

/** One watch that the code under test opened. */
export interface OpenWatch {
  readonly identity: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly accept: string | undefined;
  readonly silence: number;
  readonly turn: number;
  aborted: boolean;
  event(type: WatchLine['type'], object: unknown): void;
  /** A bookmark at that version; `initial` ends a WatchList. */
  bookmark(rv: string, initial?: boolean): void;
  end(): void;
  break(): void;
}

export interface FakeListWatch {
  readonly reader: Reader;
  readonly streams: Streams;
  readonly identities: Identities & { renew(identity: string): void };
  readonly watches: OpenWatch[];
  readonly reads: {
    readonly identity: string;
    readonly path: string;
    readonly query: URLSearchParams;
    readonly accept: string | undefined;
  }[];
  /** Answers the next watches; undefined: the connection fails; 'never': it hangs until it is aborted. */
  watchStatus: (watch: OpenWatch) => 'never' | { status: number; retryAfter?: number; body?: unknown } | undefined;
  list: (path: string, query: URLSearchParams) => ReadAnswer | Promise<ReadAnswer>;
}

/** An API server as the cache sees it, all in hand: nothing happens unless the test says so. */
export function fakeListWatch(): FakeListWatch {
  let turn = 1;
  const callbacks = new Set<(credential: Credential) => void>();
  const current = (identity: string): Credential => ({ identity, turn }) as Credential;
  const fake: FakeListWatch = {
    watches: [],
    reads: [],
    watchStatus: () => ({ status: 200 }),
    list: () => ({ status: 200, body: { metadata: { resourceVersion: '1' }, items: [] } }),
    identities: {
      current,
      onRenewal: (callback) => {
        callbacks.add(callback);
        return () => callbacks.delete(callback);
      },
      renew: (identity) => {
        turn++;
        for (const callback of callbacks) callback(current(identity));
      },
    },
    reader: {
      get: async (identity, path, options) => {
        const { searchParams: query, pathname } = new URL(path, 'https://fake');
        fake.reads.push({ identity, path: pathname, query, accept: options?.accept });
        return fake.list(pathname, query);
      },
      review: () => Promise.reject(new TypeError('the cache reviews nothing')),
    },
    streams: {
      watch: async (identity, path, { signal, silence, accept }) => {
        const lines = createMailbox<WatchLine>(
          () => undefined,
          () => undefined,
        );
        const { searchParams: query, pathname } = new URL(path, 'https://fake');
        const watch = openWatch(lines, { identity, path: pathname, query, accept, silence, turn });
        fake.watches.push(watch);
        signal.addEventListener('abort', () => {
          watch.aborted = true;
          lines.end();
        });
        const answer = fake.watchStatus(watch);
        if (answer === 'never') {
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
          throw new TransportError('aborted');
        }
        if (answer === undefined) throw new TransportError('unreachable');
        if (answer.status !== 200) lines.end();
        return { ...answer, lines };
      },
    },
  };
  return fake;
}

function openWatch(
  lines: Mailbox<WatchLine>,
  about: Pick<OpenWatch, 'identity' | 'path' | 'query' | 'accept' | 'silence' | 'turn'>,
): OpenWatch {
  const event = (type: WatchLine['type'], object: unknown): void => lines.put({ type, object, size: 1 });
  return {
    ...about,
    aborted: false,
    event,
    bookmark: (rv, initial = false) =>
      event('BOOKMARK', {
        metadata: {
          resourceVersion: rv,
          ...(initial && { annotations: { 'k8s.io/initial-events-end': 'true' } }),
        },
      }),
    end: () => lines.end(),
    break: () => lines.end(new TransportError('broken')),
  };
}

/** Lets everything that is ready run. */
export async function settle(): Promise<void> {
  for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setImmediate(resolve));
}
