import type { TransportError } from '#api/failure.ts';
import { MAX_OBJECT } from '#api/limits.ts';

const DISTRUST =
  "look at certificate-authority in --kubeconfig, at the server's own certificate, and at the clock here";
export const UNKNOWN =
  "the API server does not know our CA: has its --client-ca-file the keeper's certificate, and is the time right?";

const TOO_LARGE = `an object of it has more than ${MAX_OBJECT / 1024 ** 2} MiB as JSON: nothing of this kind is seen until it is deleted`;

/** What a failed list or watch says in the log, and what helps. */
export function told({ trouble, detail }: TransportError) {
  const remedy = trouble === 'untrusted' ? DISTRUST : trouble === 'too-large' ? TOO_LARGE : undefined;
  return { trouble, ...(detail !== undefined && { detail }), ...(remedy !== undefined && { remedy }) };
}
