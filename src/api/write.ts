import type { Dispatcher } from 'undici';
import type { Answer, WireRequest } from '#core/request.ts';
import type { Clock, Ms } from '#core/time.ts';
import type { Identities } from '#identity/port.ts';
import type { Meter } from '#telemetry/port.ts';
import { createConnections, type Endpoint, userAgent } from './connections.ts';
import { type Exchange, exchange, headerOf, isLate, parseJson, retryAfterOf } from './exchange.ts';
import { MAX_OBJECT } from './limits.ts';
import type { RecordedRequest, Writer } from './port.ts';
import { createSemaphore, type Semaphore } from './semaphore.ts';
import type { Suspicion } from './suspicion.ts';

export interface WriterOptions {
  readonly endpoint: Endpoint;
  readonly identities: Identities;
  readonly clock: Clock;
  readonly meter: Meter;
  /** Whether the gate made this very object; anything else is a bug and throws (I1, I3). */
  readonly isRecorded: (recorded: RecordedRequest) => boolean;
  /** Connections an identity may hold for writes. */
  readonly perIdentity?: number;
  /** Raised by answers that are late; connections are left when it is. */
  readonly suspicion?: Suspicion;
}

/**
 * How much longer than the API server we wait for what it was given time for. Not for a lease: there has to be time for
 * a second try before leadership runs out, and a late one is refused by its resourceVersion.
 */
export const WRITE_MARGIN: Ms = 2_000;

export function createWriter(options: WriterOptions): Writer {
  const { clock, meter, isRecorded } = options;
  const perIdentity = options.perIdentity ?? 32;
  const connections = createConnections({ ...options, perIdentity });
  const lanes = new Map<string, Semaphore>();
  let onWire = 0;

  const laneOf = (identity: string): Semaphore => {
    const known = lanes.get(identity);
    if (known !== undefined) return known;
    const made = createSemaphore(perIdentity);
    lanes.set(identity, made);
    return made;
  };
  return {
    send: async (recorded, admit) => {
      if (!isRecorded(recorded)) throw new TypeError('sending a request that the gate did not record');
      const { request } = recorded;
      const lane = laneOf(request.identity);
      await lane.acquire(request.target.namespace ?? '');
      const begun = clock.now().mono;
      let started = false;
      const begin = (): boolean => {
        started = admit();
        if (started) onWire++;
        return started;
      };
      try {
        const result = await dispatch(connections.of(request.identity), recorded, options, begin);
        if (isLate(result)) options.suspicion?.raise({ identity: request.identity, since: begun });
        measure(meter, request, result, (clock.now().mono - begun) / 1000);
        return answerOf(result, clock);
      } finally {
        if (started) onWire--;
        lane.release();
      }
    },
    inFlight: () => onWire,
    close: () => connections.close(),
  };
}

function dispatch(
  dispatcher: Dispatcher,
  recorded: RecordedRequest,
  { endpoint, clock }: WriterOptions,
  admit: () => boolean,
): Promise<Exchange> {
  const { method, path, body, timeout } = recorded.request;
  const margin = recorded.request.class === 'lease' ? 0 : WRITE_MARGIN;
  const headers = headersOf(recorded, endpoint);
  return exchange(
    dispatcher,
    { method, path, headers, ...(body !== undefined && { body }) },
    { clock, timeout: timeout + margin, maxBytes: MAX_OBJECT, admit },
  );
}

function headersOf({ request, auditId }: RecordedRequest, endpoint: Endpoint): Record<string, string> {
  return {
    'audit-id': auditId,
    accept: request.accept ?? 'application/json',
    'user-agent': userAgent(endpoint),
    ...(request.contentType !== undefined && { 'content-type': request.contentType }),
  };
}

/** A success that cannot be read says no more than no answer: the write was done, but how is not known. */
function answerOf(result: Exchange, clock: Clock): Answer | { readonly kind: 'refused' } {
  if (result.kind === 'refused') return result;
  if (result.kind === 'failed') return result.started ? { kind: 'lost' } : { kind: 'unsent' };
  const body = parseJson(result.body);
  const good = result.status >= 200 && result.status < 300;
  if (good && (typeof body !== 'object' || body === null)) return { kind: 'lost' };
  const auditId = headerOf(result.headers, 'audit-id');
  const retryAfter = retryAfterOf(result.headers, clock.now().wall);
  return {
    kind: 'answered',
    status: result.status,
    body,
    ...(auditId !== undefined && { auditId }),
    ...(retryAfter !== undefined && { retryAfter }),
  };
}

function measure(meter: Meter, request: WireRequest, result: Exchange, took: number): void {
  if (result.kind === 'refused') return;
  const { identity, method, verb } = request;
  const code = result.kind === 'answered' ? String(result.status) : '<error>';
  meter.count('rest_client_requests_total', { code, method, identity });
  meter.observe('rest_client_request_duration_seconds', { verb, identity }, took);
}
