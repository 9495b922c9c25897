/** What the owner of a cluster and its supervisor say to each other, over the IPC channel of the fork. */

export interface RunSpec {
  /** Names the process and its log file. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** The whole environment; PATH and HOME alone when left out. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

export type Order =
  | { readonly order: 'run'; readonly id: number; readonly spec: RunSpec; readonly logFile: string }
  | { readonly order: 'signal'; readonly id: number; readonly signal: NodeJS.Signals }
  | { readonly order: 'end' };

export type Notice =
  | { readonly notice: 'ready' }
  | { readonly notice: 'running'; readonly id: number; readonly pid: number }
  | { readonly notice: 'failed'; readonly id: number; readonly why: string }
  | { readonly notice: 'exited'; readonly id: number; readonly exit: Exit };

/** Argument of the supervisor's process. */
export interface SupervisorOptions {
  /** Removed when everything has ended; nothing is when undefined. */
  readonly remove?: string;
}
