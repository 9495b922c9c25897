/** The arena for the next fault: the one before where it can be shared, else a fresh one. */
import { cpSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { SHORT_LEASE } from '#kit/manager.ts';
import { type OpenArena, openArena } from './arena.ts';
import { drawFrom } from './draw.ts';
import type { Fault } from './fault.ts';
import { isAlone, kindOf } from './plan.ts';
import { inflict, notBegun, type Round } from './round.ts';
import type { OpenShim } from './shim/port.ts';

export interface ArenasOptions {
  readonly seed: number;
  readonly shim?: OpenShim | undefined;
  /** Milliseconds between two changes of the load. */
  readonly every?: number;
  say(line: string): void;
}

/** The books are read whole after each fault: beyond this it is quicker to begin anew. */
const MAX_AUDIT_BYTES = 150 * 1024 * 1024;

/** Of a fault after which something was not as expected: logs, ledgers and the audit log, before the cluster goes. */
function keepEvidence(
  { cluster, at, say }: OpenArena,
  name: string,
  round: number,
  complaints: readonly string[],
): void {
  const kept = join(EVIDENCE, `${name}-${round}`);
  rmSync(kept, { recursive: true, force: true });
  for (const [from, to] of [
    [join(cluster.directory, 'logs'), 'logs'],
    [at.ledgers, 'ledgers'],
    [cluster.auditLog, 'audit.log'],
  ] as const)
    cpSync(from, join(kept, to), { recursive: true });
  writeFileSync(join(kept, 'complaints.txt'), `${complaints.join('\n')}\n`);
  say(`what was there is kept in ${relative(ROOT, kept)}`);
}

const ROOT = join(import.meta.dirname, '../..');
const EVIDENCE = join(ROOT, 'test-results/chaos');

export class Arenas {
  readonly #options: ArenasOptions;
  #open: OpenArena | undefined;
  #kind = '';
  #opened = 0;

  constructor(options: ArenasOptions) {
    this.#options = options;
  }

  /** Does a fault once; `round` counts how often it was done before. */
  async inflict(fault: Fault, round: number, full: boolean): Promise<Round> {
    const arena = await this.#for(fault).catch((error: unknown) => String(error));
    if (typeof arena === 'string') return notBegun(`opening an arena: ${arena}`);
    const done = await inflict(fault, arena, drawFrom(this.#options.seed, `${fault.name} ${round}`), full);
    if (done.complaints.length > 0) keepEvidence(arena, fault.name, round, done.complaints);
    const large = statSync(arena.cluster.auditLog).size > MAX_AUDIT_BYTES;
    if (isAlone(fault) || done.complaints.length > 0 || large) await this.close();
    return done;
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.close();
  }

  async #for(fault: Fault): Promise<OpenArena> {
    if (this.#open !== undefined && this.#kind === kindOf(fault) && !isAlone(fault)) return this.#open;
    await this.close();
    const { seed, say, shim, every } = this.#options;
    if (fault.needs?.shim === true && shim === undefined) throw new Error(`${fault.name} needs the shim`);
    this.#open = await openArena({
      replicas: fault.needs?.replicas ?? 1,
      flags: fault.needs?.usualLease === true ? [] : SHORT_LEASE,
      shim: fault.needs?.shim === true ? shim : undefined,
      draw: drawFrom(seed, `load ${this.#opened++}`),
      every,
      say,
    });
    this.#kind = kindOf(fault);
    return this.#open;
  }
}
