import type { Dispatcher } from 'undici';
import type { Clock, Ms } from '#core/time.ts';
import type { Identities } from '#identity/port.ts';
import type { Meter } from '#telemetry/port.ts';
import { connectAlone, type Endpoint, userAgent } from './connections.ts';
import { parseJson, retryAfterOf } from './exchange.ts';
import { distrustIn, TransportError, type TransportTrouble } from './failure.ts';
import { MAX_OBJECT } from './limits.ts';
import { createSplitter, type Splitter } from './lines.ts';
import { createMailbox, type Mailbox } from './mailbox.ts';
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

/** A refusal is a Status; more than that of it is not worth reading. */
const MAX_REFUSAL = 1024 * 1024;
/** A watch that is taken up is answered at once; queued by API Priority and Fairness it may take a while. */
const HEAD: Ms = 30_000;
/** Lines that may wait for the reader before the socket is paused. */
const HIGH_WATER = 1000;
const TYPES: ReadonlySet<unknown> = new Set(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']);

export function createStreams(options: StreamsOptions): Streams {
  return {
    watch: (identity, path, more) => {
      const client = connectAlone(options.endpoint, options.identities, identity);
      return open({ client, identity, path, ...more }, options);
    },
  };
}

interface Request {
  readonly client: Dispatcher;
  readonly identity: string;
  readonly path: string;
  readonly signal: AbortSignal;
  readonly silence: Ms;
  readonly accept?: string;
}

/** One watch on one connection. Whatever ends it also ends the connection. */
function open(request: Request, options: StreamsOptions): Promise<Opened> {
  const { client, path, signal, silence } = request;
  return new Promise((resolve, reject) => {
    let over = false;
    let cancelSilence = (): void => {};
    let resume = (): void => {};
    const finish = (error?: TransportError): void => {
      if (over) return;
      over = true;
      cancelSilence();
      signal.removeEventListener('abort', onAbort);
      lines.end(error);
      // Without effect once the status was there: then the lines say how it ended.
      reject(error ?? new TransportError('aborted'));
      client.destroy().catch(() => undefined);
    };
    const onAbort = (): void => finish();
    const listen = (patience: Ms, trouble: TransportTrouble): void => {
      cancelSilence();
      if (!over) cancelSilence = options.clock.after(patience, () => finish(new TransportError(trouble)));
    };
    const alive = (): void => listen(silence, 'silence');
    const lines = createMailbox<WatchLine>(() => resume(), finish);
    if (signal.aborted) {
      finish();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    listen(Math.min(HEAD, silence), 'timeout');
    const handler = handlerOf(request, options, { lines, alive, finish, answer: resolve });
    resume = handler.resume;
    const headers = { accept: request.accept ?? 'application/json', 'user-agent': userAgent(options.endpoint) };
    client.dispatch({ method: 'GET', path, headers }, handler);
  });
}

interface Outlet {
  readonly lines: Mailbox<WatchLine>;
  alive(): void;
  finish(error?: TransportError): void;
  answer(opened: Opened): void;
}

function handlerOf(
  { identity }: Request,
  { clock, meter, maxLine }: StreamsOptions,
  { lines, alive, finish, answer }: Outlet,
): Dispatcher.DispatchHandler & { resume(): void } {
  const splitter = createSplitter(maxLine ?? MAX_OBJECT);
  const refusal = createRefusal();
  let status = 0;
  let retryAfter: Ms | undefined;
  let controller: Dispatcher.DispatchController | undefined;
  const opened = (body?: unknown): Opened => ({
    status,
    lines,
    ...(body !== undefined && { body }),
    ...(retryAfter !== undefined && { retryAfter }),
  });
  return {
    resume: () => controller?.paused && controller.resume(),
    onRequestStart(given) {
      controller = given;
    },
    onResponseStart(_controller, code, headers) {
      if (code < 200) return;
      status = code;
      retryAfter = retryAfterOf(headers, clock.now().wall);
      meter.count('rest_client_requests_total', { code: String(code), method: 'WATCH', identity });
      alive();
      if (code === 200) answer(opened());
    },
    onResponseData(given, chunk) {
      alive();
      const trouble = status === 200 ? feed(splitter, lines, chunk) : refusal.take(chunk);
      if (trouble !== undefined) finish(new TransportError(trouble));
      else if (lines.depth() > HIGH_WATER) given.pause();
    },
    onResponseEnd() {
      if (status !== 200) answer(opened(refusal.body()));
      finish(splitter.pending() > 0 ? new TransportError('broken') : undefined);
    },
    onResponseError(_controller, error) {
      const distrust = distrustIn(error);
      if (distrust !== undefined) finish(new TransportError('untrusted', distrust));
      else finish(new TransportError(status === 0 ? 'unreachable' : 'broken'));
    },
  };
}

/** Collects the Status of an answer that is no watch. */
function createRefusal(): { take(chunk: Buffer): TransportTrouble | undefined; body(): unknown } {
  const chunks: Buffer[] = [];
  let size = 0;
  return {
    take(chunk) {
      size += chunk.length;
      if (size > MAX_REFUSAL) return 'too-large';
      chunks.push(chunk);
      return undefined;
    },
    body: () => parseJson(Buffer.concat(chunks)),
  };
}

function feed(splitter: Splitter, lines: Mailbox<WatchLine>, chunk: Buffer): TransportTrouble | undefined {
  const whole = splitter.feed(chunk);
  if (whole === undefined) return 'too-large';
  for (const line of whole) {
    const parsed = parseLine(line);
    if (parsed === undefined) return 'malformed';
    lines.put(parsed);
  }
  return undefined;
}

function parseLine(line: Buffer): WatchLine | undefined {
  const parsed = parseJson(line) as { type?: unknown; object?: unknown } | undefined;
  if (typeof parsed !== 'object' || parsed === null || !TYPES.has(parsed.type)) return undefined;
  if (typeof parsed.object !== 'object' || parsed.object === null) return undefined;
  return { type: parsed.type as WatchLine['type'], object: parsed.object, size: line.length };
}
