import { canonical } from '#core/json.ts';
import type { Clock, Ms } from '#core/time.ts';
import { Appender } from '#ledger/appender.ts';
import { Bodies } from '#ledger/bodies.ts';
import { originOf } from '#ledger/checkpoint.ts';
import { LiveLedger } from '#ledger/live.ts';
import { leafHash } from '#ledger/merkle.ts';
import type { Opened } from '#ledger/open.ts';
import { Publisher } from '#ledger/publisher.ts';
import { redactor } from '#ledger/redact.ts';
import { type State, StateFold } from '#ledger/state.ts';
import type { Telemetry } from '#telemetry/port.ts';
import { type FoundLog, leafIn, type SimulatedDisk } from './disk.ts';
import type { Host, Sim } from './sim.ts';

const TICK: Ms = 1000;
const KEY = Buffer.alloc(32, 7);
/** Each replica ran here before the story begins: it knows that there was a Lease. */
const BEFORE: Opened['previous'][number] = {
  id: 'before',
  ordinal: 1,
  origin: originOf('twin', 'before'),
  size: 0,
  root: '',
  started: '',
  stopped: true,
  tornBytes: 0,
  signed: true,
};

export interface LedgerParts extends Telemetry {
  readonly sim: Sim;
  readonly host: Host;
  readonly disk: SimulatedDisk;
  readonly clock: Clock;
  readonly logId: string;
  readonly directoryId: string;
}

/**
 * The ledger with its real records, lanes, group commit and failures, on a simulated disk; without its tiles and
 * checkpoints, which nobody waits for.
 */
export async function openSimulatedLedger(
  parts: LedgerParts,
): Promise<Pick<Opened, 'ledger' | 'openIntents' | 'checkAnchor' | 'previous' | 'directoryId'>> {
  const { sim, host, clock, meter, log, logId, disk } = parts;
  const logs = disk.logs();
  const before = stateOf(logs);
  const failed = Promise.withResolvers<string>();
  const publisher = new Publisher('', originOf('twin', logId), async () => '');
  const bodies = new Bodies('', clock, meter);
  const appender = new Appender({
    directory: `/${logId}`,
    disk: disk.for(host),
    clock,
    meter,
    bodies: async () => {},
    reserve: async () => disk.mood !== 'full',
    onDurable: (written) => {
      for (const { entry, leaf } of written) publisher.append(entry, leaf);
    },
    onFailure: failed.resolve,
    room: async () => {},
    afterTurn: (act) => void sim.after(0, act, host),
  });
  await appender.open();
  const end = { cancel: (): void => {} };
  const close = async (why: string): Promise<void> => {
    end.cancel();
    await ledger.finish();
    await appender.close('stop', canonical({ why }));
  };
  const fold = new StateFold(logId, before);
  const live = { logId, appender, publisher, bodies, redactor: redactor(KEY), fold, clock, log };
  const ledger = new LiveLedger({ ...live, failure: failed.promise, close });
  if ((await appender.append('lease', 'start', '{}', true)) === 'failed') throw new Error('no start record');
  const tick = (): void => {
    ledger.tick();
    end.cancel = clock.after(TICK, tick);
  };
  end.cancel = clock.after(TICK, tick);
  return { ledger, openIntents: [...before.open.values()], directoryId: parts.directoryId, ...anchorsOf(logs) };
}

function stateOf(logs: readonly FoundLog[]): State {
  let state: State | undefined;
  for (const { id, entries } of logs) {
    const fold = new StateFold(id, state);
    for (const entry of entries) fold.add(leafIn(entry), leafHash(entry));
    state = fold.state();
  }
  return state ?? new StateFold('none').state();
}

/** A predecessor's anchor is an other replica's, or is covered by what this disk holds. */
function anchorsOf(logs: readonly FoundLog[]): Pick<Opened, 'checkAnchor' | 'previous'> {
  const sizes = new Map(logs.map(({ id, entries }) => [originOf('twin', id), entries.length]));
  return {
    previous: [BEFORE],
    checkAnchor: async ({ origin, size }) => {
      const held = sizes.get(origin);
      if (held === undefined) return 'other-replica';
      return held >= size ? 'consistent' : 'rolled-back';
    },
  };
}
