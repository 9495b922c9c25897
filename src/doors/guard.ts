import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Clock } from '#core/time.ts';
import type { Log, Meter } from '#telemetry/port.ts';
import { authenticate } from './authenticate.ts';
import { type Buckets, createBucket, createBuckets, peerOf } from './bounds.ts';
import { refusedAsForeign } from './foreign.ts';
import type { DoorResponse, Route, User } from './port.ts';
import type { Reviews } from './reviews.ts';
import type { Trust } from './trust.ts';

export interface GuardParts {
  readonly routes: readonly Route[];
  readonly reviews: Reviews;
  readonly trust: () => Trust;
  readonly clock: Clock;
  readonly meter: Meter;
  readonly log: Log;
}

const MAX_BODY = 64 * 1024;
/** Requests a second on the open routes, and of those who are known: a flood of the one does not shut the other out. */
const RATE = 100;
/** Requests a second of one peer before it is known who asks, and of one person after; and how many are remembered. */
const EACH = 10;
/** Of one peer on the open routes: a stranger alone cannot take them from the kubelet. */
const EACH_OPEN = 20;
const REMEMBERED = 4096;

const TOO_MANY: DoorResponse = { status: 429, body: 'too many requests\n' };
const UNAUTHORIZED: DoorResponse = { status: 401, body: 'unauthorized\n' };
const FORBIDDEN: DoorResponse = { status: 403, body: 'forbidden\n' };
const UNAVAILABLE: DoorResponse = { status: 503, body: 'unavailable\n' };
const NOT_FOUND: DoorResponse = { status: 404, body: 'not found\n' };
const NOT_ALLOWED: DoorResponse = { status: 405, body: 'method not allowed\n' };
const TOO_LARGE: DoorResponse = { status: 413, body: 'body too large\n' };
const FAILED: DoorResponse = { status: 500, body: 'internal error\n' };

/** Lets a request through to its route, or says no without saying why. */
export function createGuard(parts: GuardParts): RequestListener {
  const { routes, clock, meter, log } = parts;
  const rates: Rates = {
    open: createBucket(clock, RATE, RATE * 2),
    strangers: createBuckets(clock, EACH_OPEN, EACH_OPEN * 2, REMEMBERED),
    peers: createBuckets(clock, EACH, EACH * 2, REMEMBERED),
    people: createBuckets(clock, EACH, EACH * 2, REMEMBERED),
    known: createBucket(clock, RATE, RATE * 2),
  };
  return (request, response) => {
    const url = URL.parse(`https://door${request.url?.startsWith('/') ? request.url : '/'}`);
    const here = routes.filter((route) => url !== null && leads(route, url.pathname));
    const label = here[0]?.path ?? 'other';
    const isOpen = here.some((route) => route.open);
    const peer = peerOf(request.socket.remoteAddress ?? '');
    const may = isOpen ? mayLook(peer, rates) : rates.peers.take(peer);
    const answered = may && url !== null ? pass(parts, rates, here, request, url) : Promise.resolve(TOO_MANY);
    void answered
      .catch((error: unknown) => {
        log.error('answering at the door', { route: label, error: error instanceof Error ? error.name : 'unknown' });
        return FAILED;
      })
      .then((answer) => {
        meter.count('doors_requests_total', { route: label, code: String(answer.status) });
        send(request, response, answer);
      });
  };
}

/** Strangers share what all of them may ask; who is on this host, as a static pod's kubelet, has no part in that. */
function mayLook(peer: string, { open, strangers }: Rates): boolean {
  return strangers.take(peer) && (isOfThisHost(peer) || open.take());
}

const isOfThisHost = (peer: string): boolean => /^127\.|^0:0:0:0$/.test(peer);

interface Rates {
  readonly open: ReturnType<typeof createBucket>;
  readonly strangers: Buckets;
  readonly peers: Buckets;
  readonly people: Buckets;
  readonly known: ReturnType<typeof createBucket>;
}

function leads(route: Route, path: string): boolean {
  return path === route.path || (route.below === true && path.startsWith(`${route.path}/`));
}

async function pass(
  { reviews, trust, clock }: GuardParts,
  { people, known }: Rates,
  here: readonly Route[],
  request: IncomingMessage,
  url: URL,
): Promise<DoorResponse> {
  const route = here.find(({ method }) => method === request.method);
  const foreign = refusedAsForeign(request);
  if (foreign !== undefined) return foreign;
  let user: User | undefined;
  if (here.every((one) => one.open !== true)) {
    const found = await authenticate(request, trust(), reviews, clock.now().wall);
    if (found === 'unavailable') return UNAVAILABLE;
    if (found === 'nobody') return UNAUTHORIZED;
    user = found;
    if (!people.take(user.name) || !known.take()) return TOO_MANY;
  }
  // Which paths there are is only for those who are known.
  if (here.length === 0) return NOT_FOUND;
  if (route === undefined) return NOT_ALLOWED;
  if (user !== undefined) {
    const access = await reviews.access(user, route.verb, url.pathname);
    if (access !== 'allowed') return access === 'denied' ? FORBIDDEN : UNAVAILABLE;
  }
  const body = route.method === 'POST' ? await readBody(request) : '';
  if (body === undefined) return TOO_LARGE;
  return route.handler({ path: url.pathname, query: url.searchParams, user, body });
}

/** Undefined when it is larger than allowed. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > MAX_BODY) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function send(request: IncomingMessage, response: ServerResponse, { status, contentType, body }: DoorResponse): void {
  // A body that nobody read would be read by the next request on this connection.
  const unread = !request.complete && (request.headers['content-length'] ?? '0') !== '0';
  response.writeHead(status, {
    'content-type': contentType ?? 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...(status === 401 && { 'www-authenticate': 'Bearer' }),
    ...((unread || request.headers['transfer-encoding'] !== undefined || status === 413) && { connection: 'close' }),
  });
  response.end(body);
}
