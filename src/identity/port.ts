import type { SecureContext } from 'node:tls';
import type { Ms } from '#core/time.ts';

/** A certificate in use. The key never leaves `src/identity`: only the context does (I4). */
export interface Credential {
  /** The identity: a controller's name, or `reader`, `secrets-metadata`, `leader`, `authn`, `breaker`. */
  readonly identity: string;
  /** The user name that the API server will see (the certificate's CN). */
  readonly user: string;
  /** Client certificate and key, and the CAs that verify the API server. */
  readonly context: SecureContext;
  /** Lower-case hexadecimal. */
  readonly serial: string;
  /** Lower-case hexadecimal SHA-256 of the SubjectPublicKeyInfo. */
  readonly spki: string;
  readonly notAfter: Ms;
  /** Counts up with each renewal in this process, from 1. */
  readonly turn: number;
}

export interface Identities {
  /** The credential to open connections with now. Throws for an identity that was not declared (a bug). */
  current(identity: string): Credential;
  /** Called after a renewal: open new connections, resume watches, then close the old. Returns the unsubscriber. */
  onRenewal(callback: (credential: Credential) => void): () => void;
}
