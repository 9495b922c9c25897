import type { Dispatcher } from 'undici';
import type { Clock, Ms } from '#core/time.ts';
import { distrustIn } from './failure.ts';

/** What one request came to. `started`: bytes may have left this process. */
export type Exchange =
  | { readonly kind: 'answered'; readonly status: number; readonly headers: Headers; readonly body: Buffer }
  | {
      readonly kind: 'failed';
      readonly why: 'broken' | 'timeout' | 'too-large' | 'aborted';
      readonly started: boolean;
      /** Why the server's certificate is not believed, where that is why. */
      readonly distrust?: string;
    }
  | { readonly kind: 'refused' };

type Headers = Readonly<Record<string, string | string[] | undefined>>;

export interface ExchangeOptions {
  readonly clock: Clock;
  /** For everything: connecting, sending, the whole answer. */
  readonly timeout: Ms;
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
  /** Asked in the turn of the socket write; absent: yes. */
  readonly admit?: (() => boolean) | undefined;
  /** The first sign of an answer came. */
  readonly onHead?: (() => void) | undefined;
}

type Trouble = (Exchange & { kind: 'failed' })['why'];

/** Sends once, never again: a second start of the same request by the library is cut off. Rejects only if `admit` throws. */
export function exchange(
  dispatcher: Dispatcher,
  request: Dispatcher.DispatchOptions,
  options: ExchangeOptions,
): Promise<Exchange> {
  const { clock, timeout, signal } = options;
  return new Promise((resolve, reject) => {
    let over = false;
    const finish = (result: Exchange): void => {
      over = true;
      cancelTimer();
      signal?.removeEventListener('abort', onAbort);
      resolve(result);
    };
    const handler = createHandler(options, { over: () => over, finish, reject });
    const cancelTimer = clock.after(timeout, () => handler.fail('timeout'));
    const onAbort = (): void => handler.fail('aborted');
    if (signal?.aborted) {
      onAbort();
      return;
    }
    signal?.addEventListener('abort', onAbort, { once: true });
    // Else a DELETE with a body, which all of ours have, ends its connection: the next one would shake hands again.
    dispatcher.dispatch({ reset: false, ...request }, handler);
  });
}

interface Outlet {
  over(): boolean;
  finish(result: Exchange): void;
  reject(error: unknown): void;
}

/** Hears the library, and collects the answer. */
function createHandler(
  { admit, maxBytes, onHead }: ExchangeOptions,
  { over, finish, reject }: Outlet,
): Dispatcher.DispatchHandler & { fail(why: Trouble): void } {
  let started = false;
  let cut = (): void => {};
  let status = 0;
  let headers: Headers = {};
  let size = 0;
  const chunks: Buffer[] = [];
  const fail = (why: Trouble, distrust?: string): void => {
    if (over()) return;
    finish({ kind: 'failed', why, started, ...(distrust !== undefined && { distrust }) });
    cut();
  };
  return {
    fail,
    onRequestStart(controller) {
      cut = () => controller.abort(new Error('cut off'));
      if (over() || started) return cut();
      try {
        started = admit === undefined || admit();
      } catch (error) {
        reject(error);
      }
      if (started) return;
      finish({ kind: 'refused' });
      cut();
    },
    onResponseStart(_controller, code, received) {
      // 1xx are not the answer; undici hands them over too.
      if (code < 200) return;
      onHead?.();
      status = code;
      headers = received;
    },
    onResponseData(_controller, chunk) {
      size += chunk.length;
      if (size > maxBytes) fail('too-large');
      else chunks.push(chunk);
    },
    onResponseEnd() {
      if (!over()) finish({ kind: 'answered', status, headers, body: Buffer.concat(chunks, size) });
    },
    onResponseError(_controller, error) {
      fail('broken', distrustIn(error));
    },
  };
}

/** Bytes left, and no answer came in time: the connection may be dead. */
export function isLate(result: Exchange): boolean {
  return result.kind === 'failed' && result.why === 'timeout' && result.started;
}

/** The body as JSON; undefined when it is none. */
export function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

const MAX_RETRY_AFTER_MS = 600_000;

/** `Retry-After` as milliseconds: whole seconds or an HTTP date, at most ten minutes; undefined when absent or malformed. */
export function retryAfterOf(headers: Headers, wall: Ms): Ms | undefined {
  const text = headers['retry-after'];
  if (typeof text !== 'string') return undefined;
  const delay = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : httpDate(text) - wall;
  return Number.isNaN(delay) ? undefined : Math.min(Math.max(delay, 0), MAX_RETRY_AFTER_MS);
}

/** The answer's `Date`; undefined when absent or malformed. */
export function dateOf(headers: Headers): Ms | undefined {
  const { date } = headers;
  const wall = typeof date === 'string' ? httpDate(date) : Number.NaN;
  return Number.isNaN(wall) ? undefined : wall;
}

/** Date.parse takes much that is no date: only the form that HTTP prescribes is read. */
function httpDate(text: string): Ms {
  return /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} [\d:]{8} GMT$/.test(text) ? Date.parse(text) : Number.NaN;
}

export function headerOf(headers: Headers, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}
