/** etcd of a local cluster, and what operators and accidents do to it. */
import { cpSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ApiClient } from './client.ts';
import type { Pki } from './pki.ts';
import { signal } from './processes.ts';
import type { ManagedProcess } from './supervisor.ts';

export interface StoreParts {
  readonly directory: string;
  readonly port: number;
  readonly pki: Pki;
  readonly run: () => Promise<ManagedProcess>;
}

export class Store {
  readonly #parts: StoreParts;
  #process: ManagedProcess | undefined;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  get #data(): string {
    return join(this.#parts.directory, 'etcd');
  }
  get #kept(): string {
    return join(this.#parts.directory, 'etcd-kept');
  }

  async start(): Promise<ManagedProcess> {
    if (this.#process !== undefined) throw new Error('starting etcd: it runs already');
    this.#process = await this.#parts.run();
    return this.#process;
  }

  async stop(): Promise<void> {
    // It is asked, so that it closes its files; without fsync nothing else may be said about what they hold.
    await this.#process?.kill('SIGTERM');
    this.#process = undefined;
  }

  /**
   * A copy of the data as it is on disk while nothing moves, as of a virtual machine's: what a power cut would leave.
   * Nobody notices but by a pause of milliseconds.
   */
  keep(): void {
    const { pid } = this.#running();
    signal(pid, 'SIGSTOP');
    try {
      rmSync(this.#kept, { recursive: true, force: true });
      cpSync(this.#data, this.#kept, { recursive: true });
    } finally {
      signal(pid, 'SIGCONT');
    }
  }

  /** Puts the copy in the place of the data, once; etcd must be stopped. */
  putBack(): void {
    if (this.#process !== undefined) throw new Error('restoring etcd: it runs');
    rmSync(this.#data, { recursive: true });
    renameSync(this.#kept, this.#data);
  }

  /** Drops all history before now; returns the revision. */
  async compact(): Promise<number> {
    this.#running();
    const { port, pki } = this.#parts;
    const client = new ApiClient({
      server: `https://127.0.0.1:${port}`,
      caFile: pki.etcdCa.certFile,
      ...pki.etcdClient,
    });
    try {
      // Any key: the answer's head tells the revision.
      const { body } = await client.call('POST', '/v3/kv/range', { body: { key: 'AA==' } });
      const { revision } = (body as { header: { revision: string } }).header;
      const answer = await client.call('POST', '/v3/kv/compaction', { body: { revision, physical: true } });
      if (answer.status !== 200) throw new Error(`compacting etcd: ${answer.status} ${JSON.stringify(answer.body)}`);
      return Number(revision);
    } finally {
      await client.close();
    }
  }

  #running(): ManagedProcess {
    if (this.#process === undefined) throw new Error('working on etcd: it does not run');
    return this.#process;
  }
}
