/** Asks the API server in the name of whoever asks here, the way an aggregating proxy does. */
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { createSecureContext, type TLSSocket } from 'node:tls';
import type { KeyFiles } from '#local/pki.ts';

export interface FrontProxy {
  /** Sends the request on; resolves with the head of the answer, rejects when none comes. */
  forward(asked: IncomingMessage, signal: AbortSignal): Promise<IncomingMessage>;
  close(): void;
}

/** Who a client is by its certificate, as the API server would read it. */
export interface Person {
  readonly user: string;
  readonly groups: readonly string[];
}

export function personOf(asked: IncomingMessage): Person {
  const { CN, O } = (asked.socket as TLSSocket).getPeerCertificate().subject;
  return { user: all(CN)[0] ?? '', groups: all(O) };
}

function all(value: string | string[] | undefined): readonly string[] {
  return value === undefined ? [] : [value].flat();
}

/** What belongs to one connection alone, and what only a front proxy may say. */
const NOT_CARRIED = /^(connection|keep-alive|transfer-encoding|upgrade|te|trailer|x-remote-.*)$/i;

/** Pairs of name and value, as they came: an API that repeats a header means it. */
export function carried(raw: readonly string[]): string[] {
  const kept: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const [name = '', value = ''] = [raw[at], raw[at + 1]];
    if (!NOT_CARRIED.test(name)) kept.push(name, value);
  }
  return kept;
}

export function createFrontProxy(server: string, caFile: string, keys: KeyFiles): FrontProxy {
  // Made once: to read keys and certificates anew costs more than the handshake.
  const secureContext = createSecureContext({
    ca: readFileSync(caFile),
    cert: readFileSync(keys.certFile),
    key: readFileSync(keys.keyFile),
  });
  const agent = new Agent({ secureContext, keepAlive: true });
  return {
    forward: (asked, signal) =>
      new Promise((resolve, reject) => {
        const { user, groups } = personOf(asked);
        const headers = [...carried(asked.rawHeaders), 'X-Remote-User', user];
        for (const group of groups) headers.push('X-Remote-Group', group);
        const { method = 'GET', url = '/' } = asked;
        const { hostname, port } = new URL(server);
        const sent = request({ hostname, port, method, path: url, headers, agent, signal }, resolve);
        sent.on('error', reject);
        asked.pipe(sent);
      }),
    close: () => agent.destroy(),
  };
}
