import { createSecureContext } from 'node:tls';
import type { Credential, Identities } from './port.ts';

export interface PersonOptions {
  /** PEM of the CAs that verify the API server. */
  readonly caPem: string;
  /** PEM of a client certificate and its key; without them nobody is shown. */
  readonly cert?: string;
  readonly key?: string;
}

/** What the command line reads as: one person's certificate, or none, whatever identity is asked for. It never renews. */
export function personIdentities({ caPem, cert, key }: PersonOptions): Identities {
  const pair = cert === undefined || key === undefined ? {} : { cert, key };
  const context = createSecureContext({ ca: caPem, minVersion: 'TLSv1.2', ...pair });
  const credential: Credential = {
    identity: 'person',
    user: '',
    context,
    serial: '',
    spki: '',
    notAfter: Number.POSITIVE_INFINITY,
    turn: 1,
  };
  return { current: () => credential, onRenewal: () => () => undefined };
}
