/** Processes that end, or stop for a while, at the worst moments. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Arena, Fault, Measured } from '../fault.ts';

/** Kills again and again, each time a moment after somebody came to lead: in the middle of whatever it began with. */
async function killLeaders({ fleet, draw, say }: Arena, full: boolean): Promise<Measured> {
  const times = full ? 100 : 3;
  for (let n = 1; n <= times; n++) {
    const leader = await fleet.leader();
    await pause(draw.int(0, 1500));
    await fleet.kill(leader);
    if (n % 10 === 0) say(`killed ${n} of ${times} times`);
  }
  return { kills: times };
}

export const PROCESS_FAULTS: readonly Fault[] = [
  {
    name: 'sigkill',
    group: 'process',
    expects: 'a process that is killed at any moment is followed by one that goes on where it stopped',
    inflict: killLeaders,
  },
];
