import type { Dispatcher } from 'undici';
import type { Clock, Ms } from '#core/time.ts';
import type { Identities } from '#identity/port.ts';
import type { Meter } from '#telemetry/port.ts';
import { connectAlone, type Endpoint, userAgent } from './connections.ts';
import { parseJson, retryAfterOf } from './exchange.ts';
import { TransportError } from './failure.ts';
import { createSplitter } from './lines.ts';
import { createMailbox } from './mailbox.ts';
import type { Streams, WatchLine } from './port.ts';

export interface StreamsOptions {
  readonly endpoint: Endpoint;
  readonly identities: Identities;
  readonly clock: Clock;
  readonly meter: Meter;
  /** A longer line ends the stream as malformed. */
  readonly maxLine?: number;
}

type Opened = Awaited<ReturnType<Streams['watch']>>;

const DEFAULT_MAX_LINE = 8 * 1024 * 1024;
/** A refusal is a Status; more than that of it is not worth reading. */
const MAX_REFUSAL = 1024 * 1024;
/** Lines that may wait for the reader before the socket is paused. */
const HIGH_WATER = 1000;
const TYPES: ReadonlySet<unknown> = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']);

export function createStreams(options: StreamsOptions): Streams {
  return {
    watch: (identity, path, { signal, silence }) => {
      const client = connectAlone(options.endpoint, options.identities, identity);
      return open(client, identity, path, signal, silence, options);
    },
  };
}

/** One watch on one connection. Whatever ends it also ends the connection. */
function open(
  client: Dispatcher,
  identity: string,
  path: string,
  signal: AbortSignal,
  silence: Ms,
  { clock, endpoint, meter, maxLine }: StreamsOptions,
): Promise<Opened> {
  return new Promise((resolve, reject) => {
    const splitter = createSplitter(maxLine ?? DEFAULT_MAX_LINE);
    const refusal: Buffer[] = [];
    let refused = 0;
    let status = 0;
    let retryAfter: Ms | undefined;
    let over = false;
    let controller: Dispatcher.DispatchController | undefined;
    let cancelSilence = (): void => {};

    const finish = (error?: TransportError): void => {
      if (over) return;
      over = true;
      cancelSilence();
      signal.removeEventListener('abort', onAbort);
      mailbox.end(error);
      // Nothing is resolved yet while the status is unknown; a second settling of the promise is without effect.
      reject(error ?? new TransportError('aborted'));
      client.destroy().catch(() => undefined);
    };
    const onAbort = (): void => finish();
    const alive = (): void => {
      cancelSilence();
      if (!over) cancelSilence = clock.after(silence, () => finish(new TransportError('silence')));
    };
    const mailbox = createMailbox<WatchLine>(() => controller?.paused && controller.resume(), finish);
    const answer = (body?: unknown): void =>
      resolve({
        status,
        lines: mailbox,
        ...(body !== undefined && { body }),
        ...(retryAfter !== undefined && { retryAfter }),
      });

    if (signal.aborted) return finish();
    signal.addEventListener('abort', onAbort, { once: true });
    alive();
    const headers = { accept: 'application/json', 'user-agent': userAgent(endpoint) };
    client.dispatch(
      { method: 'GET', path, headers },
      {
        onRequestStart(given) {
          controller = given;
        },
        onResponseStart(_controller, code, received) {
          if (code < 200) return;
          status = code;
          retryAfter = retryAfterOf(received, clock.now().wall);
          meter.count('rest_client_requests_total', { code: String(code), method: 'WATCH', identity });
          alive();
          if (code === 200) answer();
        },
        onResponseData(given, chunk) {
          alive();
          if (status !== 200) {
            refused += chunk.length;
            if (refused > MAX_REFUSAL) finish(new TransportError('too-large'));
            else refusal.push(chunk);
            return;
          }
          const lines = splitter.feed(chunk);
          if (lines === undefined) return finish(new TransportError('too-large'));
          for (const line of lines) {
            const parsed = parseLine(line);
            if (parsed === undefined) return finish(new TransportError('malformed'));
            mailbox.put(parsed);
          }
          if (mailbox.depth() > HIGH_WATER) given.pause();
        },
        onResponseEnd() {
          if (status !== 200) answer(parseJson(Buffer.concat(refusal)));
          finish(splitter.pending() > 0 ? new TransportError('broken') : undefined);
        },
        onResponseError() {
          finish(new TransportError(status === 0 ? 'unreachable' : 'broken'));
        },
      },
    );
  });
}

function parseLine(line: Buffer): WatchLine | undefined {
  const parsed = parseJson(line) as { type?: unknown; object?: unknown } | undefined;
  if (typeof parsed !== 'object' || parsed === null || !TYPES.has(parsed.type)) return undefined;
  if (typeof parsed.object !== 'object' || parsed.object === null) return undefined;
  return { type: parsed.type as WatchLine['type'], object: parsed.object, size: line.length };
}
