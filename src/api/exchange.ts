import type { Dispatcher } from 'undici';
import type { Clock, Ms } from '#core/time.ts';

/** What one request came to. `started`: bytes may have left this process. */
export type Exchange =
  | { readonly kind: 'answered'; readonly status: number; readonly headers: Headers; readonly body: Buffer }
  | {
      readonly kind: 'failed';
      readonly why: 'broken' | 'timeout' | 'too-large' | 'aborted';
      readonly started: boolean;
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
}

/** Sends once, never again: a second start of the same request by the library is cut off. Rejects only if `admit` throws. */
export function exchange(
  dispatcher: Dispatcher,
  request: Dispatcher.DispatchOptions,
  options: ExchangeOptions,
): Promise<Exchange> {
  return new Promise((resolve, reject) => {
    let started = false;
    let done = false;
    let cut: (() => void) | undefined;
    let status = 0;
    let headers: Headers = {};
    let size = 0;
    const chunks: Buffer[] = [];

    const finish = (result: Exchange): void => {
      if (done) return;
      done = true;
      cancelTimer();
      options.signal?.removeEventListener('abort', onAbort);
      resolve(result);
    };
    const fail = (why: 'broken' | 'timeout' | 'too-large' | 'aborted'): void => {
      finish({ kind: 'failed', why, started });
      cut?.();
    };
    const cancelTimer = options.clock.after(options.timeout, () => fail('timeout'));
    const onAbort = (): void => fail('aborted');
    if (options.signal?.aborted) return fail('aborted');
    options.signal?.addEventListener('abort', onAbort, { once: true });

    dispatcher.dispatch(request, {
      onRequestStart(controller) {
        cut = () => controller.abort(new Error('cut off'));
        if (done || started) return cut();
        try {
          started = options.admit === undefined || options.admit();
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
        status = code;
        headers = received;
      },
      onResponseData(_controller, chunk) {
        size += chunk.length;
        if (size > options.maxBytes) fail('too-large');
        else chunks.push(chunk);
      },
      onResponseEnd() {
        finish({ kind: 'answered', status, headers, body: Buffer.concat(chunks, size) });
      },
      onResponseError() {
        fail('broken');
      },
    });
  });
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
  // Date.parse takes much that is no date: only the form that HTTP prescribes is read.
  const date = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} [\d:]{8} GMT$/.test(text) ? Date.parse(text) : Number.NaN;
  const delay = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : date - wall;
  return Number.isNaN(delay) ? undefined : Math.min(Math.max(delay, 0), MAX_RETRY_AFTER_MS);
}

export function headerOf(headers: Headers, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}
