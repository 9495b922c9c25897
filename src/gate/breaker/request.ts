import type { ReadAnswer } from '#api/port.ts';
import type { WireRequest } from '#core/request.ts';
import { type ApiObject, pathOf } from '#core/resource.ts';
import type { Ms } from '#core/time.ts';
import { type BuiltInAnswer, type BuiltInParts, sendBuiltIn } from '../built-in.ts';
import { isPlainWrite } from '../exact.ts';

const RESOURCE = 'core/configmaps';
/** The one object that the identity `breaker` reads and writes. */
export const STATE_OBJECT = { namespace: 'comptroller-system', name: 'comptroller-breaker' } as const;
export const STATE_PATH = pathOf(RESOURCE, STATE_OBJECT);
const KEY = 'state.json';

/** Which version of the object is there. */
export interface Version {
  readonly uid: string;
  readonly resourceVersion: string;
}

export type Found =
  | { readonly kind: 'found'; readonly version: Version; readonly json: string | undefined }
  | { readonly kind: 'absent' | 'failed' };

/** What a GET said. Anything but the object or a plain "not there" is a failed look. */
export function stateFound({ status, body }: ReadAnswer): Found {
  if (status === 404) return { kind: 'absent' };
  const version = status === 200 ? versionOf(body) : undefined;
  if (version === undefined) return { kind: 'failed' };
  const data = (body as { data?: Record<string, unknown> }).data ?? {};
  const json = Object.hasOwn(data, KEY) ? data[KEY] : undefined;
  return { kind: 'found', version, json: typeof json === 'string' ? json : undefined };
}

export type Written =
  | { readonly kind: 'kept'; readonly version: Version }
  /** It is not as it was last seen: gone, there already, or changed by someone. */
  | { readonly kind: 'conflict' }
  /** `retryAfter`: the API server asked not to be asked again before that. */
  | { readonly kind: 'failed'; readonly retryAfter?: Ms };

export function stateWritten(answer: BuiltInAnswer): Written {
  if (answer.kind !== 'answered') return { kind: 'failed' };
  if (answer.status === 409 || answer.status === 404) return { kind: 'conflict' };
  const version = answer.status === 200 || answer.status === 201 ? versionOf(answer.body) : undefined;
  if (version !== undefined) return { kind: 'kept', version };
  return { kind: 'failed', ...(answer.retryAfter !== undefined && { retryAfter: answer.retryAfter }) };
}

function versionOf(body: unknown): Version | undefined {
  const { uid, resourceVersion } = (body as ApiObject | null)?.metadata ?? {};
  return typeof uid === 'string' && typeof resourceVersion === 'string' ? { uid, resourceVersion } : undefined;
}

/** A create where there is none yet, else a replacement of exactly the version that was seen. */
export function stateRequest(json: string, version: Version | undefined, timeout: Ms): WireRequest {
  const path = version === undefined ? pathOf(RESOURCE, { namespace: STATE_OBJECT.namespace }) : STATE_PATH;
  return {
    class: 'breaker',
    identity: 'breaker',
    verb: version === undefined ? 'create' : 'update',
    method: version === undefined ? 'POST' : 'PUT',
    path: `${path}?fieldManager=comptroller&timeout=${Math.round(timeout)}ms`,
    contentType: 'application/json',
    body: JSON.stringify({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { ...STATE_OBJECT, labels: { 'app.kubernetes.io/part-of': 'comptroller' }, ...version },
      data: { [KEY]: json },
    }),
    target: { resource: RESOURCE, ...STATE_OBJECT, ...(version !== undefined && { uid: version.uid }) },
    timeout,
  };
}

/**
 * The class `breaker`: judged by this exact rule instead of a bundle, so that no bundle can stop a trip from being
 * remembered. Fenced, unlike a lease: a leader that was replaced must not write over what its successor keeps.
 */
export async function sendState(request: WireRequest, parts: BuiltInParts): Promise<BuiltInAnswer> {
  if (!isTheState(request)) throw new TypeError("sending as the breaker's state what is not it");
  const key = `${STATE_OBJECT.namespace}/${STATE_OBJECT.name}`;
  return sendBuiltIn(request, { rule: 'breaker', reason: 'keep', key, lane: 'lease', fenced: true }, parts);
}

/** POST to the collection or PUT on the object, of exactly that ConfigMap, as `breaker`. */
export function isTheState(request: WireRequest): boolean {
  return (
    request.class === 'breaker' &&
    request.identity === 'breaker' &&
    isPlainWrite(request, { resource: RESOURCE, kind: 'ConfigMap', ...STATE_OBJECT })
  );
}
