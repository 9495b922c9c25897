/** The arena for the next fault: the one before where it can be shared, else a fresh one. */
import { statSync } from 'node:fs';
import { type OpenArena, openArena } from './arena.ts';
import { drawFrom } from './draw.ts';
import type { Fault } from './fault.ts';
import { isAlone, kindOf } from './plan.ts';
import { inflict, type Round } from './round.ts';
import type { OpenShim } from './shim/port.ts';

export interface ArenasOptions {
  readonly seed: number;
  readonly shim?: OpenShim | undefined;
  say(line: string): void;
}

/** The books are read whole after each fault: beyond this it is quicker to begin anew. */
const MAX_AUDIT_BYTES = 150 * 1024 * 1024;

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
    const arena = await this.#for(fault);
    const done = await inflict(fault, arena, drawFrom(this.#options.seed, `${fault.name} ${round}`), full);
    const spent =
      isAlone(fault) || done.complaints.length > 0 || statSync(arena.cluster.auditLog).size > MAX_AUDIT_BYTES;
    if (spent) await this.close();
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
    const { seed, say, shim } = this.#options;
    if (fault.needs?.shim === true && shim === undefined) throw new Error(`${fault.name} needs the shim`);
    this.#open = await openArena({
      replicas: fault.needs?.replicas ?? 1,
      shim: fault.needs?.shim === true ? shim : undefined,
      draw: drawFrom(seed, `load ${this.#opened++}`),
      say,
    });
    this.#kind = kindOf(fault);
    return this.#open;
  }
}
