import type { Ms } from '#core/time.ts';

/**
 * What the keeper process does for `run`: it alone holds the CA key and the checkpoint key. Requests and answers are
 * plain JSON over a unix socket. Every refusal is an Error whose message names the field and the remedy.
 */
export interface Keeper {
  /** Signs a CSR for a profile compiled from the registry; subject and usages come from the profile, never the CSR. */
  issue(request: IssueRequest): Promise<IssueAnswer>;
  /** Signs the body of a C2SP checkpoint (origin, size, root; each line ended by \n); returns the signature lines. */
  signCheckpoint(body: string): Promise<string>;
  /** What verifies: the CA certificate and the checkpoint key as a note verifier key. */
  about(): Promise<KeeperAbout>;
  close(): void;
}

export interface IssueRequest {
  readonly profile: string;
  /** PEM of a PKCS#10 request, EC P-256, at most 4 KiB. */
  readonly csr: string;
  /** At most 24 h; the keeper shortens it to the profile's maximum. */
  readonly lifetime: Ms;
}
export interface IssueAnswer {
  /** PEM of the leaf. */
  readonly certificate: string;
}
export interface KeeperAbout {
  /** PEM of the CA that signs the controllers' certificates. */
  readonly ca: string;
  /** C2SP note verifier key: `<name>+<hash>+<base64>`. */
  readonly checkpointKey: string;
}
