import type { ErrorCode } from '#core/errors.ts';

/** Why the transport gave no usable answer; a label of metrics, never text of the peer. */
export type TransportTrouble =
  | 'unreachable'
  /** Its certificate is not believed, so nothing was sent. */
  | 'untrusted'
  | 'broken'
  | 'timeout'
  | 'silence'
  | 'too-large'
  | 'malformed'
  | 'aborted';

/** The one error that reads and watches throw. It carries nothing that came over the wire (I9). */
export class TransportError extends Error {
  override readonly name = 'TransportError';
  readonly code: ErrorCode;
  readonly trouble: TransportTrouble;
  /** Of `untrusted`: what is wrong with the certificate, a code of this runtime's. */
  readonly detail: string | undefined;

  constructor(trouble: TransportTrouble, detail?: string) {
    super(`talking to the API server: ${trouble}${detail === undefined ? '' : ` (${detail})`}`);
    this.trouble = trouble;
    this.detail = detail;
    this.code = trouble === 'malformed' || trouble === 'too-large' ? 'API_MALFORMED' : 'API_UNAVAILABLE';
  }
}

/** What this runtime says of a certificate that it does not believe. */
const UNTRUSTED: ReadonlySet<string> = new Set([
  'CERT_CHAIN_TOO_LONG',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_REVOKED',
  'CERT_SIGNATURE_FAILURE',
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/** Why a certificate is not believed, by a closed list of codes; undefined for all else that ends a connection. */
export function distrustIn(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return typeof code === 'string' && UNTRUSTED.has(code) ? code : undefined;
}
