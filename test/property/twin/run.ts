import type { Ms } from '#core/time.ts';
import { Violation } from './checks.ts';
import { join } from './join.ts';
import { heal, perform, type Story, weatherOf } from './story.ts';
import { World } from './world.ts';

/** After the last fault: longer than a silent watch is believed, and than any back-off that a story can bring about. */
const RECOVERS_WITHIN: Ms = 300_000;
/** A change in a world that is well is followed so quickly. */
const FOLLOWS_WITHIN: Ms = 30_000;
const STOPS_WITHIN: Ms = 60_000;
const LOOK: Ms = 500;

export interface Told {
  readonly steps: number;
  readonly lines: readonly string[];
}

/** Plays a story to its end, and checks all that was promised. Throws a Violation with what happened. */
export async function play(story: Story, loud = false): Promise<Told> {
  const world = new World(story, loud);
  try {
    await playIn(world, story);
    return { steps: world.sim.steps, lines: world.told };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    error.message = [error.message, ...world.told].join('\n');
    throw error;
  }
}

async function playIn(world: World, { steps, weather }: Story): Promise<void> {
  world.weather = weatherOf(weather, world.weather);
  world.tell(`the weather is ${weather}`);
  const broken = (): boolean => world.checks.violation !== undefined;
  const run = async (length: Ms, done = (): boolean => false): Promise<void> => {
    await world.sim.runUntil(world.sim.time + length, () => broken() || done());
    if (world.checks.violation !== undefined) throw world.checks.violation;
  };
  for (const { after, what } of steps) {
    await run(after);
    perform(world, what);
  }
  await run(Math.max(1000, world.restoredAt + 1 - world.sim.time));
  heal(world);
  await until(world, run, RECOVERS_WITHIN, 'does not recover');
  world.tell('everything is as wished; now each is changed once more');
  world.cluster.poke();
  await until(world, run, FOLLOWS_WITHIN, 'does not follow a change');
  await stop(world, run);
  join(world);
}

type Run = (length: Ms, done?: () => boolean) => Promise<void>;

/** Waits until everything is as wished, also a moment later. */
async function until(world: World, run: Run, limit: Ms, otherwise: string): Promise<void> {
  const end = world.sim.time + limit;
  for (let well = 0; well < 3; ) {
    if (world.sim.time > end) throw new Violation(`it ${otherwise}: ${whatIsLeft(world)}`);
    await run(LOOK);
    if (world.somethingWentBack) world.releaseHolds();
    well = whatIsLeft(world) === undefined ? well + 1 : 0;
  }
}

function whatIsLeft(world: World): string | undefined {
  if (world.leader() === undefined) return 'nobody leads';
  if (world.machines.some(({ host }) => (host?.frozenUntil ?? 0) > world.sim.time)) return 'a process is frozen';
  return world.watches.isAnySilent() ? 'a watch is silent' : world.cluster.unfinished();
}

/** An end in order, in time. */
async function stop(world: World, run: Run): Promise<void> {
  world.closing = true;
  for (const machine of world.machines) world.stop(machine);
  const alive = (): boolean => world.machines.some(({ host }) => host !== undefined);
  await run(STOPS_WITHIN, () => !alive());
  if (alive()) throw new Violation('it does not stop when it is asked to');
}
