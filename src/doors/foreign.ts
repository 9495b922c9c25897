import type { IncomingMessage } from 'node:http';
import type { DoorResponse } from './port.ts';

const FOREIGN: DoorResponse = { status: 403, body: 'requests of web pages are refused\n' };
const NOT_JSON: DoorResponse = { status: 415, body: 'the body must be application/json\n' };

/**
 * What a web page makes a browser send, which adds the person's certificate by itself (cross-site request forgery). No
 * page speaks to these doors, so whatever names one is refused; and a form cannot send JSON without being asked before.
 */
export function refusedAsForeign({ method, headers }: IncomingMessage): DoorResponse | undefined {
  if (method === 'GET' || method === 'HEAD') return undefined;
  const site = headers['sec-fetch-site'];
  if (headers.origin !== undefined || (site !== undefined && site !== 'none')) return FOREIGN;
  if (method !== 'POST') return undefined;
  return /^application\/json\s*(;|$)/i.test(headers['content-type'] ?? '') ? undefined : NOT_JSON;
}
