import { canonical } from '#core/json.ts';
import type { Clock, Ms } from '#core/time.ts';
import type { Log, Meter } from '#telemetry/port.ts';
import type { Appender } from './appender.ts';
import type { Bodies } from './bodies.ts';
import { cutText } from './caps.ts';
import type { Checkpoints } from './checkpoints.ts';
import type { LiveLedger } from './live.ts';
import type { Lock } from './lock.ts';
import type { Publisher } from './publisher.ts';
import { saveState } from './recover.ts';
import { diskUsed } from './reserve.ts';
import type { StateFold } from './state.ts';

export interface UpkeepParts {
  readonly directory: string;
  readonly path: string;
  readonly clock: Clock;
  readonly meter: Meter;
  readonly log: Log;
  readonly lock: Lock;
  readonly appender: Appender;
  readonly publisher: Publisher;
  readonly checkpoints: Checkpoints;
  readonly bodies: Bodies;
  readonly fold: StateFold;
}

const TICK: Ms = 1000;
const DISK_TICKS = 10;
/** Leaving a disk that hangs alone: what is not done by then stays undone. */
const LEAVE_AFTER: Ms = 2_000;

/** What happens once a second, at the start and at the end. */
export class Upkeep {
  readonly #parts: UpkeepParts;
  #cancel: () => void = () => {};
  #ticks = 0;
  #closing: Promise<void> | undefined;
  /** The lock is given back. */
  #left = false;
  #started = '';
  #alarm = 0;
  #publishing = false;

  constructor(parts: UpkeepParts) {
    this.#parts = parts;
  }

  /** The start record is the probe: a sink that cannot take it is found out before anything depends on it. */
  async start(data: string, ledger: LiveLedger): Promise<void> {
    const { appender, checkpoints, clock } = this.#parts;
    this.#started = new Date(clock.now().wall).toISOString();
    const placed = await appender.append('lease', 'start', data, true);
    if (placed === 'failed') throw new Error('opening the ledger: the disk did not take the start record');
    const published = await checkpoints.publish();
    if (published === 'unsigned') throw new Error('opening the ledger: the keeper did not sign the first checkpoint');
    if (published !== 'signed') throw new Error('opening the ledger: the disk did not take the first checkpoint');
    this.#schedule(ledger);
  }

  #schedule(ledger: LiveLedger): void {
    this.#cancel = this.#parts.clock.after(TICK, () => {
      void this.#tick(ledger).finally(() => {
        if (!this.#left) this.#schedule(ledger);
      });
    });
  }

  async #tick(ledger: LiveLedger): Promise<void> {
    const { appender, lock, checkpoints } = this.#parts;
    if (this.#works()) {
      ledger.tick();
      appender.check();
    }
    if (!appender.writes) return;
    // Also while it ends: a lock that looks left behind is taken by who does not see this process.
    if (!(await lock.touch().catch(() => false)) && !this.#left) return appender.fail('lock');
    if (!this.#works()) return;
    if (this.#ticks++ % DISK_TICKS === 0) await this.#lookAtDisk();
    if (checkpoints.due() && !this.#publishing) {
      this.#publishing = true;
      // Not waited for: a keeper that is slow must not make the lock look left behind.
      void this.#publish().finally(() => {
        this.#publishing = false;
      });
    }
  }

  #works(): boolean {
    return !this.#parts.appender.failed && this.#closing === undefined;
  }

  async #publish(): Promise<void> {
    const { appender, checkpoints, meter, log } = this.#parts;
    const published = await checkpoints.publish();
    if (published === 'full') await appender.exhaust();
    else if (typeof published === 'object') appender.fail(published.broken);
    else if (published === 'unsigned') {
      // Records stay durable and chained meanwhile; the next checkpoint covers them.
      meter.count('ledger_failures_total', { why: 'unsigned' });
      log.error('signing a checkpoint has failed; trying again in a second');
    }
  }

  async #lookAtDisk(): Promise<void> {
    const { directory, meter, log, bodies } = this.#parts;
    const used = await diskUsed(directory).catch(() => undefined);
    if (used === undefined) return;
    meter.set('ledger_disk_used_ratio', {}, used);
    const alarm = used >= 0.9 ? 2 : used >= 0.8 ? 1 : 0;
    const percent = Math.floor(used * 100);
    if (alarm > this.#alarm) log.warn("filling the ledger's disk", { percent, bodies: alarm < 2 });
    this.#alarm = alarm;
    bodies.pause(alarm === 2);
  }

  close(why: string, ledger: LiveLedger): Promise<void> {
    this.#closing ??= this.#close(why, ledger);
    return this.#closing;
  }

  async #close(why: string, ledger: LiveLedger): Promise<void> {
    const { appender, bodies, lock } = this.#parts;
    await ledger.finish();
    await appender.close('stop', canonical({ why: cutText(why, 512) }));
    await this.#within(async () => {
      await bodies.close();
      if (appender.closed) await this.#seal(ledger);
    });
    this.#left = true;
    this.#cancel();
    await this.#within(() => lock.release());
  }

  async #seal(ledger: LiveLedger): Promise<void> {
    const { checkpoints, publisher, fold, path } = this.#parts;
    if ((await checkpoints.publish()) !== 'signed') return;
    await checkpoints.seal();
    ledger.settleState();
    fold.stop();
    await saveState(path, publisher.anchor(), this.#started, fold.state());
  }

  /** Whatever goes wrong here is found and finished by the next process's recovery. */
  #within(work: () => Promise<void>): Promise<void> {
    const { appender, clock } = this.#parts;
    return new Promise((resolve) => {
      const cancel = appender.closed ? () => {} : clock.after(LEAVE_AFTER, resolve);
      work()
        .catch(() => {})
        .finally(() => {
          cancel();
          resolve();
        });
    });
  }
}
