import type { Answer, WireRequest } from '#core/request.ts';
import type { Ms } from '#core/time.ts';

/** An answer to a read or review: the body is parsed raw JSON, a Status when `status` is not 2xx. */
export interface ReadAnswer {
  readonly status: number;
  readonly body: unknown;
  readonly retryAfter?: Ms;
  /** The server's own clock when it answered, to the second, where it said so. */
  readonly date?: Ms;
}

/** Reads and reviews: nothing here can change the cluster. Throws only on transport errors (code `API_UNAVAILABLE`). */
export interface Reader {
  get(
    identity: string,
    path: string,
    options?: { timeout?: Ms; signal?: AbortSignal; accept?: string },
  ): Promise<ReadAnswer>;
  /** TokenReview and SubjectAccessReview only; another path throws. */
  review(identity: string, path: string, body: unknown): Promise<ReadAnswer>;
}

/** One line of a watch, already parsed; `size` is its length in bytes. */
export interface WatchLine {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: unknown;
  readonly size: number;
}

export interface Streams {
  /**
   * Opens a watch on a connection of its own with the identity's newest certificate. The status of the answer comes
   * first; the lines end when the server closes in order or `signal` aborts. They throw a TransportError when the
   * connection breaks, nothing arrived for `silence` (no answer at all: sooner), or a line is no watch event. Not
   * iterating does not close it: abort the signal.
   */
  watch(
    identity: string,
    path: string,
    options: { signal: AbortSignal; silence: Ms; accept?: string },
  ): Promise<{ status: number; body?: unknown; retryAfter?: Ms; lines: AsyncIterable<WatchLine> }>;
}

/** Proof that a request was recorded: made by `src/gate` alone, checked at run time by a token (I1, I3). */
export interface RecordedRequest {
  readonly request: WireRequest;
  readonly auditId: string;
}

/** The only mutating verbs of the process. Never retries: a second try is a second attempt with its own record. */
export interface Writer {
  /**
   * Waits for a free connection of the identity, then asks `admit` in the same turn as the socket write; `refused`
   * when it says no.
   */
  send(recorded: RecordedRequest, admit: () => boolean): Promise<Answer | { readonly kind: 'refused' }>;
  /** Requests on the wire now. */
  inFlight(): number;
  close(): Promise<void>;
}
