import type { Resource } from './resource.ts';
import type { Ms } from './time.ts';

/**
 * The closed classes of requests. `read` and `review` change nothing; `lease` is judged by a built-in exact rule below
 * policy, `breaker` by another one that is also fenced; `event` has a lane that drops; `self` is a follower's own
 * certificate; all else is `write`.
 */
export type RequestClass = 'read' | 'review' | 'lease' | 'breaker' | 'event' | 'self' | 'write';

export type Method = 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** A mutation as it will go over the wire: these bytes are judged, recorded and sent (I17). Frozen. */
export interface WireRequest {
  readonly class: 'lease' | 'breaker' | 'event' | 'self' | 'write';
  /** The controller (or `leader`, `breaker`) whose certificate it goes out with. */
  readonly identity: string;
  readonly verb: 'create' | 'update' | 'patch' | 'delete' | 'deletecollection';
  readonly method: Method;
  /** Path and query, with `timeout=`, `fieldManager=` and the like. */
  readonly path: string;
  readonly contentType?: string;
  /** Asks for metadata only, where the answer would carry a Secret. */
  readonly accept?: string;
  /** JSON text; absent for a DELETE without options. */
  readonly body?: string;
  readonly target: {
    readonly resource: Resource;
    readonly namespace?: string;
    readonly name?: string;
    readonly uid?: string;
    readonly subresource?: string;
  };
  /** How long the API server may take; also `?timeout=`. */
  readonly timeout: Ms;
}

/** What came back, or that nothing did. */
export type Answer =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly body: unknown;
      readonly auditId?: string;
      readonly retryAfter?: Ms;
    }
  /** The request may or may not have been done. */
  | { readonly kind: 'lost' }
  /** Nothing left this process: the connection failed before the first byte was written. */
  | { readonly kind: 'unsent' };
