import { request } from 'node:https';
import { text } from 'node:stream/consumers';

/** A door of a Comptroller, and who knocks. PEM texts. */
export interface Knocking {
  readonly server: URL;
  /** What verifies the server; undefined: the runtime's own list. */
  readonly ca?: string;
  /** Its certificate is not looked at: for one that was made in memory, on this host. */
  readonly unverified?: boolean;
  readonly cert?: string;
  readonly key?: string;
  readonly token?: string;
}

export interface DoorReply {
  readonly status: number;
  readonly body: string;
}

const TIMEOUT = 15_000;

/** One request at a door; rejects with an Error fit for a person, which says nothing of the credentials. */
export function knockAt(
  { server, ca, unverified, cert, key, token }: Knocking,
  method: 'GET' | 'POST',
  path: string,
  body?: object,
): Promise<DoorReply> {
  const sent = body === undefined ? undefined : JSON.stringify(body);
  const headers = {
    accept: 'application/json',
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
    ...(sent !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(sent) }),
  };
  const tls = { agent: false, rejectUnauthorized: unverified !== true, ...(ca && { ca }), ...(cert && { cert, key }) };
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => reject(new Error(`asking ${server.origin}: ${why(error)}`));
    const asked = request(new URL(path, server), { method, headers, timeout: TIMEOUT, ...tls }, (answer) => {
      text(answer).then((said) => resolve({ status: answer.statusCode ?? 0, body: said }), failed);
    });
    asked.on('timeout', () => asked.destroy(new Error('it did not answer in time')));
    asked.on('error', failed);
    asked.end(sent);
  });
}

const UNTRUSTED = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
]);

function why({ code = '', message }: NodeJS.ErrnoException): string {
  if (UNTRUSTED.has(code))
    return 'its certificate is signed by nobody who is trusted here; give --ca-file, or for one made in memory --insecure-skip-tls-verify on its own host';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return 'its certificate is for another name; give --server as it says';
  if (code === 'ECONNREFUSED') return 'nobody listens there; give --server, or start the replica';
  return code === '' ? message : code;
}
