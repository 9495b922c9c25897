import { constants } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { SecureContextOptions } from 'node:tls';
import type { Reader } from '#api/port.ts';
import type { Clock, Ms } from '#core/time.ts';
import type { Health, Log, Meter, Metrics } from '#telemetry/port.ts';
import { followKeyPair, type KeyPair, readKeyPair, selfSigned } from './certificate.ts';
import { createGuard } from './guard.ts';
import { healthRoutes, metricsRoute } from './pages.ts';
import type { Route, ServingConfig } from './port.ts';
import { createReviews } from './reviews.ts';
import { followTrust, NO_TRUST, type Trust } from './trust.ts';

export interface DoorsParts {
  readonly config: ServingConfig;
  /** Reads and reviews are made as the identity `authn`. */
  readonly reader: Pick<Reader, 'get' | 'review'>;
  readonly health: Health;
  readonly metrics: Pick<Metrics, 'render' | 'contentType'>;
  readonly clock: Clock;
  readonly meter: Meter;
  readonly log: Log;
  readonly readFile: (path: string) => string;
  /** Beside health and metrics. */
  readonly routes?: readonly Route[];
}

export interface Doors {
  /** Where it listens; undefined when `--secure-port` is 0. */
  readonly address: { readonly host: string; readonly port: number } | undefined;
  /** Ends idle connections at once and the rest within the grace. */
  close(grace?: Ms): Promise<void>;
}

const MAX_CONNECTIONS = 256;
const MAX_CONNECTIONS_PER_PEER = 64;

/** Starts the HTTPS server: delegated authentication and authorization, open for health only. Throws when it cannot listen. */
export async function openDoors(parts: DoorsParts): Promise<Doors> {
  const { config, clock, log, readFile, reader } = parts;
  if (config.port === 0) return { address: undefined, close: async () => {} };
  const stopped = new AbortController();
  const { certFile, keyFile, ...cas } = config;
  const files = certFile !== undefined && keyFile !== undefined ? { certFile, keyFile } : undefined;
  let pair: KeyPair =
    files === undefined
      ? await selfSigned(config.bindAddress, clock.now().wall)
      : readKeyPair(files.certFile, files.keyFile, readFile);
  let trust: Trust = NO_TRUST;
  const server = createTlsServer(secureContext(config, pair, trust), parts, () => trust);
  const renew = (): void => server.setSecureContext(secureContext(config, pair, trust));
  server.listen({ host: config.bindAddress, port: config.port });
  await once(server, 'listening');
  if (files !== undefined) {
    const onChange = (changed: KeyPair): void => {
      pair = changed;
      renew();
    };
    followKeyPair({ ...files, readFile, clock, log, onChange }, pair, stopped.signal);
  }
  const onChange = (changed: Trust): void => {
    trust = changed;
    renew();
  };
  followTrust({ reader, clock, log, readFile, onChange, ...caFiles(cas) }, stopped.signal);
  const { address, port } = server.address() as AddressInfo;
  return { address: { host: address, port }, close: (grace) => close(server, stopped, grace) };
}

function caFiles({ clientCaFile, requestheaderClientCaFile }: Omit<ServingConfig, 'certFile' | 'keyFile'>) {
  return {
    ...(clientCaFile !== undefined && { clientCaFile }),
    ...(requestheaderClientCaFile !== undefined && { requestheaderClientCaFile }),
  };
}

function secureContext(config: ServingConfig, pair: KeyPair, trust: Trust): SecureContextOptions {
  const cas = [...trust.clientCas, ...trust.proxyCas].map((ca) => ca.toString());
  return {
    ...pair,
    // An empty list, not none: else certificates of public CAs would count as verified.
    ca: [...new Set(cas)],
    minVersion: config.minVersion,
    ...(config.ciphers.length > 0 && { ciphers: config.ciphers.join(':') }),
    honorCipherOrder: true,
    // A resumed session would carry the verdict of an earlier trust.
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
  };
}

/** Every limit that keeps strangers from holding memory, sockets or time. */
function createTlsServer(context: SecureContextOptions, parts: DoorsParts, trust: () => Trust): Server {
  const { health, metrics, routes = [], reader, clock, meter, log } = parts;
  const server = createServer(
    {
      ...context,
      requestCert: true,
      rejectUnauthorized: false,
      handshakeTimeout: 5000,
      maxHeaderSize: 16 * 1024,
      headersTimeout: 5000,
      requestTimeout: 15_000,
      keepAliveTimeout: 30_000,
      connectionsCheckingInterval: 1000,
      requireHostHeader: true,
    },
    createGuard({
      routes: [...healthRoutes(health), metricsRoute(metrics), ...routes],
      reviews: createReviews(reader, clock),
      trust,
      clock,
      meter,
      log,
    }),
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.maxHeadersCount = 64;
  server.maxRequestsPerSocket = 1000;
  server.setTimeout(60_000, (socket) => socket.destroy());
  limitPeers(server);
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  return server;
}

/** No peer takes all connections: health checks of others still get through. */
function limitPeers(server: Server): void {
  const peers = new Map<string, number>();
  server.on('connection', (socket) => {
    const peer = socket.remoteAddress ?? '';
    const count = (peers.get(peer) ?? 0) + 1;
    peers.set(peer, count);
    socket.once('close', () => {
      const left = (peers.get(peer) ?? 1) - 1;
      if (left > 0) peers.set(peer, left);
      else peers.delete(peer);
    });
    if (count > MAX_CONNECTIONS_PER_PEER) socket.destroy();
  });
}

async function close(server: Server, stopped: AbortController, grace: Ms = 2000): Promise<void> {
  stopped.abort();
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), grace);
  await closed;
  clearTimeout(timer);
}
