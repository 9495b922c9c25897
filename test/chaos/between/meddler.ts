/** Ends TLS, looks at each request, and lets it pass or not. */
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import type { KeyFiles } from '#local/pki.ts';
import { carry } from './carry.ts';
import { carried, type FrontProxy, personOf } from './front-proxy.ts';
import type { Mischief, RequestSeen } from './port.ts';

export interface MeddlerOptions {
  readonly frontProxy: FrontProxy;
  readonly serving: KeyFiles;
  /** Only whom it signed may ask. */
  readonly clientCaFile: string;
  readonly decide: (request: RequestSeen) => Mischief | undefined;
  /** Ends the connection that comes from that port, with a reset. */
  readonly reset: (port: number) => void;
}

export interface Meddler {
  readonly port: number;
  close(): void;
}

export async function startMeddler(options: MeddlerOptions): Promise<Meddler> {
  const { serving, clientCaFile } = options;
  const server = createServer({
    cert: readFileSync(serving.certFile),
    key: readFileSync(serving.keyFile),
    ca: readFileSync(clientCaFile),
    requestCert: true,
    rejectUnauthorized: true,
    // As patient as the API server: it is for the client to close.
    keepAliveTimeout: 90_000,
    requestTimeout: 0,
  });
  server.on('request', (asked, answer) => void handle(options, asked, answer));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.close();
      server.closeAllConnections();
      options.frontProxy.close();
    },
  };
}

async function handle(options: MeddlerOptions, asked: IncomingMessage, answer: ServerResponse): Promise<void> {
  const { remotePort = 0 } = asked.socket;
  const gone = new AbortController();
  // Of the answer, not of the socket: it serves many requests, and each would leave a listener there.
  answer.once('close', () => gone.abort());
  try {
    await meddle(options, asked, answer, gone.signal);
  } catch {
    // The API server broke off, or is not there: the client sees the same.
    options.reset(remotePort);
  }
}

function seen(asked: IncomingMessage): RequestSeen {
  const { method = 'GET', url = '/' } = asked;
  const { searchParams } = new URL(url, 'https://apiserver.invalid');
  return { method, url, watch: searchParams.has('watch'), user: personOf(asked).user };
}

async function meddle(
  { frontProxy, decide, reset }: MeddlerOptions,
  asked: IncomingMessage,
  answer: ServerResponse,
  gone: AbortSignal,
): Promise<void> {
  const mischief = decide(seen(asked));
  switch (mischief?.kind) {
    case 'reset':
      return reset(asked.socket.remotePort ?? 0);
    case 'swallow':
      asked.resume();
      return;
    case 'answer':
      if (mischief.done === true) (await frontProxy.forward(asked, gone)).resume();
      asked.resume();
      answer.writeHead(mischief.status, { 'content-type': 'application/json', ...mischief.headers });
      answer.end(mischief.body ?? '');
      return;
    case 'delay-request':
      await setTimeout(mischief.delay, undefined, { signal: gone });
      break;
  }
  const received = await frontProxy.forward(asked, gone);
  await passOn(received, answer, mischief, gone);
}

async function passOn(
  received: IncomingMessage,
  answer: ServerResponse,
  mischief: Mischief | undefined,
  gone: AbortSignal,
): Promise<void> {
  if (mischief?.kind === 'lose-answer') {
    received.resume();
    return;
  }
  if (mischief?.kind === 'delay-answer') await setTimeout(mischief.delay, undefined, { signal: gone });
  const last = mischief?.kind === 'last' ? ['Connection', 'close'] : [];
  answer.writeHead(received.statusCode ?? 502, [...carried(received.rawHeaders), ...last]);
  // A watch's head must not wait for its first event.
  answer.flushHeaders();
  if (mischief?.kind === 'silence') {
    received.resume();
    return;
  }
  await carry(received, answer, mischief);
}
