import type { ErrorCode } from '#core/errors.ts';

/** Why the transport gave no usable answer; a label of metrics, never text of the peer. */
export type TransportTrouble = 'unreachable' | 'broken' | 'timeout' | 'silence' | 'too-large' | 'malformed' | 'aborted';

/** The one error that reads and watches throw. It carries nothing that came over the wire (I9). */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  readonly code: ErrorCode;
  readonly trouble: TransportTrouble;

  constructor(trouble: TransportTrouble) {
    super(`talking to the API server: ${trouble}`);
    this.trouble = trouble;
    this.code = trouble === 'malformed' || trouble === 'too-large' ? 'API_MALFORMED' : 'API_UNAVAILABLE';
  }
}
