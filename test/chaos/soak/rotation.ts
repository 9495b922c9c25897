/** Has every certificate renewed once a minute. A life cannot be configured below ten minutes, so renewals are asked for. */
import { setTimeout as pause } from 'node:timers/promises';
import { placesIn } from '#identity/places.ts';
import { readStatus, requestRenewal } from '#identity/status.ts';
import { until } from '#kit/wait.ts';

const EVERY = 60_000;
const PATIENCE = 30_000;

export interface Rotated {
  /** Rounds in which every identity got another certificate. */
  readonly rounds: number;
  readonly identities: number;
  /** Certificates that were given out. */
  readonly certificates: number;
  readonly failed: readonly string[];
}

export class Rotation {
  readonly #stateDir: string;
  readonly #say: (line: string) => void;
  readonly #end = new AbortController();
  readonly #failed: string[] = [];
  #rounds = 0;
  #identities = 0;
  #certificates = 0;
  #running: Promise<void> | undefined;

  constructor(stateDir: string, say: (line: string) => void) {
    this.#stateDir = stateDir;
    this.#say = say;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<Rotated> {
    this.#end.abort();
    await this.#running;
    // Counted when they were there: who ended takes the list along.
    return {
      rounds: this.#rounds,
      identities: this.#identities,
      certificates: this.#certificates,
      failed: this.#failed,
    };
  }

  async #run(): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted) {
      await pause(EVERY, undefined, { signal }).catch(() => {});
      if (!signal.aborted) await this.#round();
    }
  }

  async #round(): Promise<void> {
    const before = new Set(this.#serials());
    try {
      requestRenewal(placesIn(this.#stateDir), undefined);
      const renewed = (): boolean => {
        const now = this.#serials();
        return now.length > 0 && now.every((serial) => !before.has(serial));
      };
      await until(renewed, { timeout: PATIENCE, every: 100, why: 'every certificate to be another one' });
      this.#rounds += 1;
      this.#identities = this.#serials().length;
      this.#certificates += this.#identities;
    } catch (error) {
      const told = `${new Date().toISOString()} ${error instanceof Error ? error.message : String(error)}`;
      this.#failed.push(told);
      this.#say(`NOT RENEWED ${told}`);
    }
  }

  #serials(): readonly string[] {
    return (readStatus(placesIn(this.#stateDir))?.identities ?? []).map(({ serial }) => serial);
  }
}
