/** How an arena gets its shim. Types only. */
import type { Shim } from '../fault.ts';

export interface OpenedShim {
  readonly shim: Shim;
  /** What a replica's process gets into its environment beside PATH and HOME. */
  environment(replica: string): Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** Puts what it needs into `directory`, which goes away with the cluster; builds on demand. */
export type OpenShim = (directory: string) => Promise<OpenedShim>;
