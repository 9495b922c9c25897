import type { Clock, Ms } from '#core/time.ts';
import type { Identities } from '#identity/port.ts';
import type { Meter } from '#telemetry/port.ts';
import { type Connections, createConnections, type Endpoint, userAgent } from './connections.ts';
import { dateOf, type Exchange, exchange, isLate, parseJson, retryAfterOf } from './exchange.ts';
import { TransportError, type TransportTrouble } from './failure.ts';
import type { ReadAnswer, Reader } from './port.ts';
import type { Suspicion } from './suspicion.ts';

export interface ReaderOptions {
  readonly endpoint: Endpoint;
  readonly identities: Identities;
  readonly clock: Clock;
  readonly meter: Meter;
  /** Connections an identity may hold for reads. */
  readonly perIdentity?: number;
  readonly maxBytes?: number;
  /** Raised by answers that are late; connections are left when it is. */
  readonly suspicion?: Suspicion;
  /** A person's bearer token, where the command line reads as one that has no certificate. */
  readonly token?: string;
}

const DEFAULT_TIMEOUT: Ms = 30_000;
/** A page of 500 usual objects fits many times over; what does not is refused, never buffered, and asked for in smaller pages. */
const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;
/** A GET that nothing is heard of for so long, or for a sixth of its time, is asked on another connection as well. */
const PATIENCE: Ms = 5_000;
/** Waits before the second and third try of a GET whose connection failed. */
const PAUSES: readonly Ms[] = [50, 250];

interface Wire extends ReaderOptions {
  readonly connections: Connections;
}

interface Ask {
  readonly identity: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly timeout: Ms;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  readonly body?: string;
  readonly onHead?: () => void;
}

export function createReader(options: ReaderOptions): Reader & { close(): Promise<void> } {
  const { clock } = options;
  const connections = createConnections({ ...options, perIdentity: options.perIdentity ?? 4 });
  const wire: Wire = { ...options, connections };
  return {
    get: async (identity, path, { timeout = DEFAULT_TIMEOUT, signal, accept } = {}) => {
      checkPath(path);
      const headers = accept === undefined ? {} : { accept };
      return answerOf(await getPatiently(wire, { identity, method: 'GET', path, timeout, signal, headers }), clock);
    },
    review: async (identity, path, body) => {
      const ask: Ask = {
        identity,
        method: 'POST',
        path: reviewPath(path),
        timeout: DEFAULT_TIMEOUT,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      };
      return answerOf(await once(wire, ask), clock);
    },
    close: () => connections.close(),
  };
}

/** A GET whose connection failed is tried again, within its time. */
async function getPatiently(wire: Wire, ask: Ask): Promise<Exchange> {
  const { clock } = wire;
  const deadline = clock.now().mono + ask.timeout;
  for (let tries = 0; ; tries++) {
    const result = await askTwice(wire, { ...ask, timeout: Math.max(1, deadline - clock.now().mono) });
    const pause = PAUSES[tries];
    const again = result.kind === 'failed' && result.why === 'broken' && pause !== undefined;
    if (!again || clock.now().mono + pause >= deadline) return result;
    await new Promise<void>((resolve) => clock.after(pause, resolve));
  }
}

/**
 * The connection may be dead, and its end never be told: then the answer comes on a new one. Or the API server is slow:
 * then the first answer counts.
 */
function askTwice(wire: Wire, ask: Ask): Promise<Exchange> {
  const { clock, suspicion } = wire;
  const { identity, timeout } = ask;
  const patience = Math.max(PATIENCE, timeout / 6);
  if (patience >= timeout) return once(wire, ask);
  const since = clock.now().mono;
  return new Promise((resolve) => {
    const loser = new AbortController();
    const signal = ask.signal === undefined ? loser.signal : AbortSignal.any([ask.signal, loser.signal]);
    let open = 0;
    const send = (within: Ms): void => {
      open++;
      once(wire, { ...ask, timeout: within, signal, onHead: () => cancel() }).then((result) => {
        open--;
        if (result.kind !== 'answered' && open > 0) return;
        cancel();
        resolve(result);
        loser.abort();
      });
    };
    const cancel = clock.after(patience, () => {
      suspicion?.raise({ identity, since });
      send(timeout - patience);
    });
    send(timeout);
  });
}

async function once(wire: Wire, ask: Ask): Promise<Exchange> {
  const { clock, meter, endpoint, connections } = wire;
  const { identity, method, path, timeout, signal, body, onHead } = ask;
  const begun = clock.now().mono;
  const bearer = wire.token === undefined ? {} : { authorization: `Bearer ${wire.token}` };
  const headers = { accept: 'application/json', 'user-agent': userAgent(endpoint), ...bearer, ...ask.headers };
  const maxBytes = wire.maxBytes ?? DEFAULT_MAX_BYTES;
  const request = { method, path, headers, ...(body !== undefined && { body }) };
  const result = await exchange(connections.of(identity), request, { clock, maxBytes, timeout, signal, onHead });
  const code = result.kind === 'answered' ? String(result.status) : '<error>';
  meter.count('rest_client_requests_total', { code, method, identity });
  if (isLate(result)) wire.suspicion?.raise({ identity, since: begun });
  meter.observe('rest_client_request_duration_seconds', { verb: method, identity }, (clock.now().mono - begun) / 1000);
  return result;
}

function answerOf(result: Exchange, clock: Clock): ReadAnswer {
  if (result.kind === 'refused') throw new TransportError('aborted');
  if (result.kind === 'failed' && result.distrust !== undefined) throw new TransportError('untrusted', result.distrust);
  if (result.kind === 'failed') throw new TransportError(troubleOf(result.why, result.started));
  const body = parseJson(result.body);
  const good = result.status >= 200 && result.status < 300;
  if (good && (typeof body !== 'object' || body === null)) throw new TransportError('malformed');
  const retryAfter = retryAfterOf(result.headers, clock.now().wall);
  const date = dateOf(result.headers);
  return {
    status: result.status,
    body,
    ...(retryAfter !== undefined && { retryAfter }),
    ...(date !== undefined && { date }),
  };
}

function troubleOf(why: 'broken' | 'timeout' | 'too-large' | 'aborted', started: boolean): TransportTrouble {
  return why === 'broken' && !started ? 'unreachable' : why;
}

/** A path is compiled in or built by `pathOf`: anything that could leave the origin is a bug. */
function checkPath(path: string): void {
  if (!/^\/(?!\/)[\x21-\x7e]*$/.test(path)) throw new TypeError('reading a path that is not absolute and escaped');
}

const REVIEWS: readonly RegExp[] = [
  /^\/apis\/authentication\.k8s\.io\/v1\/(tokenreviews|selfsubjectreviews)$/,
  /^\/apis\/authorization\.k8s\.io\/v1\/(subjectaccessreviews|selfsubjectaccessreviews|selfsubjectrulesreviews)$/,
  /^\/apis\/authorization\.k8s\.io\/v1\/namespaces\/[a-z0-9-]+\/localsubjectaccessreviews$/,
];

/** The POSTs that change nothing. The path is normalised first, so that what was checked is what is sent. */
function reviewPath(path: string): string {
  checkPath(path);
  const url = new URL(path, 'https://apiserver.invalid');
  const dryRun = url.searchParams.getAll('dryRun');
  const harmless = dryRun.length === 1 && dryRun[0] === 'All';
  if (!harmless && (url.search !== '' || !REVIEWS.some((pattern) => pattern.test(url.pathname))))
    throw new TypeError('reviewing through a path that may change something');
  return `${url.pathname}${url.search}`;
}
