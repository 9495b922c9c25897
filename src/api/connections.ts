import { Client, type Dispatcher, Pool } from 'undici';
import type { Clock, Ms } from '#core/time.ts';
import type { Credential, Identities } from '#identity/port.ts';
import type { Suspicion } from './suspicion.ts';

/** Where the API server is, and how to know it. */
export interface Endpoint {
  /** `https://host:port`, nothing else: a path or user name in it is refused. */
  readonly server: string;
  /** The name its certificate must carry, where that is not the host's. */
  readonly servername?: string;
  /** Comptroller's own version, for the User-Agent. */
  readonly version: string;
}

/** Upstream's product token first: API Priority and Fairness rules and dashboards match on it. */
export function userAgent(endpoint: Endpoint): string {
  return `kube-controller-manager/${endpoint.version} comptroller`;
}

/** Shorter than the API server's 90 s for idle connections, so that we close first and no request meets a closing socket. */
const KEEP_ALIVE_MS = 30_000;
const CONNECT_TIMEOUT_MS = 10_000;

export function originOf(endpoint: Endpoint): string {
  const url = URL.canParse(endpoint.server) ? new URL(endpoint.server) : undefined;
  const plain = url?.protocol === 'https:' && url.username === '' && url.password === '' && url.search === '';
  if (url === undefined || !plain || url.pathname !== '/' || url.hash !== '')
    throw new TypeError('server: expecting https://host:port without path, query or credentials');
  return url.origin;
}

/**
 * No HTTP/2: one connection per watch and a bounded pool else are measured to be as fast, and GOAWAY and stream leaks
 * do not exist. No session cache: a resumed TLS session would carry the certificate it was made with past a renewal.
 */
function options(endpoint: Endpoint, credential: Credential): Client.Options {
  return {
    allowH2: false,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    // Time-outs are the caller's, on the injected clock.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: {
      secureContext: credential.context,
      // Said aloud: an environment variable could turn the default off.
      rejectUnauthorized: true,
      timeout: CONNECT_TIMEOUT_MS,
      maxCachedSessions: 0,
      ...(endpoint.servername !== undefined && { servername: endpoint.servername }),
    },
  };
}

/** A connection of its own with the identity's newest certificate; the caller destroys it. */
export function connectAlone(endpoint: Endpoint, identities: Identities, identity: string): Dispatcher {
  return new Client(originOf(endpoint), options(endpoint, identities.current(identity)));
}

export interface Connections {
  /** The identity's pool, with its newest certificate. Ask for each request anew. */
  of(identity: string): Dispatcher;
  close(): Promise<void>;
}

interface Lane {
  readonly pool: Pool;
  readonly turn: number;
  /** Monotonic time. */
  readonly made: Ms;
}

export interface ConnectionsOptions {
  readonly endpoint: Endpoint;
  readonly identities: Identities;
  readonly clock: Clock;
  readonly perIdentity: number;
  readonly suspicion?: Suspicion;
}

/**
 * A lazy bounded pool per identity. After a renewal new requests take a new pool at once, and the old one closes when
 * its last request has ended: make before break. So do all that are older than a request whose answer is late.
 */
export function createConnections(parts: ConnectionsOptions): Connections {
  const { endpoint, identities, clock, perIdentity, suspicion } = parts;
  const origin = originOf(endpoint);
  const lanes = new Map<string, Lane>();
  const draining = new Set<Promise<void>>();

  const drain = (pool: Pool): void => {
    const closing = pool.close().then(
      () => undefined,
      () => undefined,
    );
    draining.add(closing);
    closing.then(() => draining.delete(closing));
  };
  const of = (identity: string): Pool => {
    const credential = identities.current(identity);
    const lane = lanes.get(identity);
    if (lane?.turn === credential.turn) return lane.pool;
    const pool = new Pool(origin, { ...options(endpoint, credential), connections: perIdentity });
    lanes.set(identity, { pool, turn: credential.turn, made: clock.now().mono });
    if (lane !== undefined) drain(lane.pool);
    return pool;
  };
  const unsubscribe = identities.onRenewal(({ identity }) => {
    if (lanes.has(identity)) of(identity);
  });
  const leave = (identity: string): void => {
    const lane = lanes.get(identity);
    lanes.delete(identity);
    if (lane !== undefined) drain(lane.pool);
  };
  // Whoever forgot the connection of one identity forgot those of the others: each would lose seconds to find out.
  const unsuspect = suspicion?.onRaised(({ since }) => {
    for (const [identity, { made }] of [...lanes]) if (made <= since) leave(identity);
  });
  return {
    of,
    close: async () => {
      unsubscribe();
      unsuspect?.();
      for (const identity of [...lanes.keys()]) leave(identity);
      await Promise.all(draining);
    },
  };
}
