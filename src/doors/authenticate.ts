import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Ms } from '#core/time.ts';
import type { User } from './port.ts';
import type { Reviews } from './reviews.ts';
import { anchoredIn, type Trust } from './trust.ts';

/** `nobody`: no credentials, or none that hold. */
export type Authenticated = User | 'nobody' | 'unavailable';

/** As upstream: a front proxy's word first, then a client certificate, then a bearer token. */
export async function authenticate(
  request: IncomingMessage,
  trust: Trust,
  reviews: Reviews,
  wall: Ms,
): Promise<Authenticated> {
  const socket = request.socket as TLSSocket;
  const user = byProxy(socket, request.headersDistinct, trust, wall) ?? byCertificate(socket, trust, wall);
  if (user !== undefined) return user;
  const token = /^Bearer +([\x21-\x7e]+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (token === undefined) return 'nobody';
  const reviewed = await reviews.token(token);
  return reviewed === 'unknown' ? 'nobody' : reviewed;
}

function byCertificate(socket: TLSSocket, trust: Trust, wall: Ms): User | undefined {
  const subject = subjectOf(socket, trust.clientCas, wall);
  if (subject === undefined) return undefined;
  return { name: subject.name, uid: '', groups: [...subject.groups, 'system:authenticated'], extra: new Map() };
}

/** Every value of a header by itself: a group's name may hold a comma. */
type Headers = IncomingMessage['headersDistinct'];

/** A front proxy names the user in headers; they count only from a proxy that is trusted for that. */
function byProxy(socket: TLSSocket, headers: Headers, trust: Trust, wall: Ms): User | undefined {
  const proxy = subjectOf(socket, trust.proxyCas, wall);
  if (proxy === undefined || (trust.proxyNames.length > 0 && !trust.proxyNames.includes(proxy.name))) return undefined;
  const first = (names: readonly string[]): string => names.flatMap((name) => valuesOf(headers, name))[0] ?? '';
  const name = first(trust.userHeaders);
  if (name === '') return undefined;
  const groups = trust.groupHeaders.flatMap((header) => valuesOf(headers, header));
  return {
    name,
    uid: first(trust.uidHeaders),
    groups: groups.includes('system:authenticated') ? groups : [...groups, 'system:authenticated'],
    extra: extraOf(headers, trust.extraPrefixes),
  };
}

function extraOf(headers: Headers, prefixes: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const extra = new Map<string, readonly string[]>();
  for (const header of Object.keys(headers)) {
    const prefix = prefixes.find((one) => header.startsWith(one) && header.length > one.length);
    if (prefix !== undefined) extra.set(decode(header.slice(prefix.length)), valuesOf(headers, header));
  }
  return extra;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function valuesOf(headers: Headers, name: string): readonly string[] {
  return Object.hasOwn(headers, name) ? (headers[name] ?? []) : [];
}

/** Common name and organisations of a client certificate that one of those CAs stands for. */
function subjectOf(
  socket: TLSSocket,
  cas: Trust['clientCas'],
  wall: Ms,
): { name: string; groups: readonly string[] } | undefined {
  // `authorized`: the TLS library verified chain, purpose and times against all CAs; which of them it was is asked here.
  if (!socket.authorized || cas.length === 0) return undefined;
  const leaf = socket.getPeerX509Certificate();
  if (leaf === undefined || !anchoredIn(leaf, cas, wall)) return undefined;
  const { CN, O } = socket.getPeerCertificate().subject as unknown as { CN?: unknown; O?: unknown };
  if (typeof CN !== 'string' || CN === '') return undefined;
  return { name: CN, groups: [O].flat().filter((one): one is string => typeof one === 'string') };
}
