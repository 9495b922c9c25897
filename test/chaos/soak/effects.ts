/** An auditor that makes something, expects what Comptroller has to make of it, and counts what never came. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Pod } from '#core/k8s/types.gen.ts';
import type { Admin } from '#kit/admin.ts';
import { replicaSet } from '../../demo/objects.ts';
import { quantile } from './series.ts';

const NAMESPACE = 'soak-audited';
/** What takes longer counts as missed: an event of a watch that nobody told of again would be. */
const PATIENCE = 30_000;
const BETWEEN = 1_000;
/** Rounds between two namespaces. */
const NAMESPACES = 10;

export interface Seen {
  readonly effects: number;
  readonly missed: readonly string[];
  /** Milliseconds from the answer to the change until its effect. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export class Effects {
  readonly #admin: Admin;
  readonly #say: (line: string) => void;
  readonly #took: number[] = [];
  readonly #missed: string[] = [];
  #over = false;
  #running: Promise<void> | undefined;

  constructor(admin: Admin, say: (line: string) => void) {
    this.#admin = admin;
    this.#say = say;
  }

  start(): void {
    this.#running = this.#run();
  }

  /** The round under way comes to its end first. */
  async stop(): Promise<Seen> {
    this.#over = true;
    await this.#running;
    const [p50, p99, max] = [0.5, 0.99, 1].map((q) => Math.round(quantile(this.#took, q))) as [number, number, number];
    return { effects: this.#took.length + this.#missed.length, missed: this.#missed, p50, p99, max };
  }

  async #run(): Promise<void> {
    await this.#admin.create('core/namespaces', { metadata: { name: NAMESPACE } });
    for (let round = 1; !this.#over; round++) {
      await this.#pods(`probe-${round}`);
      if (round % NAMESPACES === 1) await this.#namespace(`soak-audited-${round}`);
      await pause(BETWEEN);
    }
  }

  async #pods(name: string): Promise<void> {
    const at = { namespace: NAMESPACE, name };
    await this.#admin.create('apps/replicasets', replicaSet(NAMESPACE, name, 1));
    await this.#expect(`${name}: one pod`, this.#counted(name, 1));
    await this.#admin.patch('apps/replicasets', at, { spec: { replicas: 3 } });
    await this.#expect(`${name}: three pods`, this.#counted(name, 3));
    await this.#admin.delete('apps/replicasets', at);
    await this.#expect(`${name}: no pod`, this.#counted(name, 0));
  }

  async #namespace(name: string): Promise<void> {
    await this.#admin.create('core/namespaces', { metadata: { name } });
    const patience = { timeout: PATIENCE, why: name };
    const there = (found: unknown): boolean => found !== undefined;
    await this.#expect(`${name}: its ServiceAccount and the CA`, async () => {
      await this.#admin.waitFor('core/serviceaccounts', { namespace: name, name: 'default' }, there, patience);
      await this.#admin.waitFor('core/configmaps', { namespace: name, name: 'kube-root-ca.crt' }, there, patience);
    });
    await this.#admin.delete('core/namespaces', { name });
    await this.#expect(`${name}: its end`, async () => {
      await this.#admin.waitFor('core/namespaces', { name }, (found) => found === undefined, patience);
    });
  }

  #counted(app: string, count: number): () => Promise<void> {
    const selection = { namespace: NAMESPACE, selector: `app=${app}` };
    const ready = ({ status }: Pod): boolean => status?.phase === 'Running';
    const right = (pods: readonly Pod[]): boolean => pods.length === count && pods.every(ready);
    return async () => {
      await this.#admin.waitForAll('core/pods', selection, right, { timeout: PATIENCE, why: app });
    };
  }

  async #expect(what: string, effect: () => Promise<void>): Promise<void> {
    const began = performance.now();
    try {
      await effect();
      this.#took.push(performance.now() - began);
    } catch (error) {
      const why = error instanceof Error ? error.message.slice(0, 200) : String(error);
      this.#missed.push(`${new Date().toISOString()} ${what}`);
      this.#say(`MISSED ${what}: ${why}`);
    }
  }
}
