/** Asks the API server in the name of whoever asks here, the way an aggregating proxy does. */
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import type { TLSSocket } from 'node:tls';
import type { KeyFiles } from '#local/pki.ts';

export interface FrontProxy {
  /** Sends the request on; resolves with the head of the answer, rejects when none comes. */
  forward(asked: IncomingMessage, signal: AbortSignal): Promise<IncomingMessage>;
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
  const secrets = { ca: readFileSync(caFile), cert: readFileSync(keys.certFile), key: readFileSync(keys.keyFile) };
  // A connection of ours for each of the client's, so that requests share a fate here if and only if they do there.
  const agents = new WeakMap<object, Agent>();
  const agentOf = ({ socket }: IncomingMessage): Agent => {
    const known = agents.get(socket);
    if (known !== undefined) return known;
    const made = new Agent({ ...secrets, keepAlive: true, maxSockets: 1 });
    agents.set(socket, made);
    socket.once('close', () => made.destroy());
    return made;
  };
  return {
    forward: (asked, signal) =>
      new Promise((resolve, reject) => {
        const { user, groups } = personOf(asked);
        const headers = [...carried(asked.rawHeaders), 'X-Remote-User', user];
        for (const group of groups) headers.push('X-Remote-Group', group);
        const { method = 'GET', url = '/' } = asked;
        const { hostname, port } = new URL(server);
        const sent = request({ hostname, port, method, path: url, headers, agent: agentOf(asked), signal }, resolve);
        sent.on('error', reject);
        asked.pipe(sent);
      }),
  };
}
