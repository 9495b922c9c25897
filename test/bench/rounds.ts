/** One manager doing one shape once, as a process of its own: others did the same before and will afterwards. */
import type { Admin } from '#kit/admin.ts';
import { newNamespace } from '#kit/manager.ts';
import { ApiClient } from '#local/client.ts';
import type { LocalCluster } from '#local/local-cluster.ts';
import type { Installation, ManagerOptions } from '#local/manager.ts';
import { type Running, start } from './managers.ts';
import { type Measured, measure, quiet } from './measure.ts';
import type { Manager } from './options.ts';
import { playPresent, populate } from './present.ts';
import { monotonic, type Window } from './profile.ts';
import { deployments, SHAPES, type Shape, type Stage } from './shapes.ts';
import { type Memory, memoryOf } from './usage.ts';

export interface Arena {
  readonly cluster: LocalCluster;
  readonly admin: Admin;
  readonly at: Installation;
  /** How Comptroller is started. */
  readonly comptroller: ManagerOptions;
  readonly progress: (line: string) => void;
}

export interface Turn {
  readonly shape: string;
  readonly manager: Manager;
  readonly round: number;
}

export interface Round extends Turn {
  readonly phases: readonly Measured[];
  /** Of all processes of the manager, when it had nothing left to do. */
  readonly memory: Memory;
  /** From the first phase to the end of the last. */
  readonly window: Window;
}

export async function playRound(arena: Arena, turn: Turn): Promise<Round> {
  const { cluster, admin } = arena;
  const client = new ApiClient({ server: cluster.server, caFile: cluster.caFile, ...cluster.adminKeys });
  const stage = { admin, client, namespace: `${turn.shape}-${turn.manager}-${turn.round}` };
  const shape = SHAPES[turn.shape] as Shape;
  try {
    if (shape.present === undefined) return await playPhases(arena, turn, stage);
    await populate(arena, stage, shape.present);
    return await playPresent(arena, turn, stage, shape.present);
  } finally {
    await client.close();
  }
}

async function playPhases(arena: Arena, turn: Turn, stage: Stage): Promise<Round> {
  const { cluster, admin, progress } = arena;
  const running = await start(turn.manager, arena);
  const warm = { ...stage, namespace: `warm-${stage.namespace}` };
  await warmUp(warm, running);
  await newNamespace(admin, stage.namespace);
  const phases: Measured[] = [];
  const from = monotonic();
  for (const phase of (SHAPES[turn.shape] as Shape).phases) {
    progress(`${named(turn)}: ${phase.name}`);
    const measured = { ...turn, ...(await measure(phase, stage, cluster, running)) };
    progress(`${named(turn)}: ${phase.name}: ${measured.wall.toFixed(2)} s, ${measured.cpu.toFixed(2)} s of CPU`);
    phases.push(measured);
  }
  const window = { from, to: monotonic() };
  const memory = memoryOf(running.pid);
  // Its own leftovers are its own work: the next manager must not find them.
  for (const { namespace } of [stage, warm]) await remove(arena, namespace);
  await quiet(running.pid);
  await running.stop();
  return { ...turn, phases, memory, window };
}

export async function remove({ admin }: Arena, name: string): Promise<void> {
  await admin.delete('core/namespaces', { name });
  const gone = (found: unknown): boolean => found === undefined;
  await admin.waitFor('core/namespaces', { name }, gone, { timeout: 300_000, why: `namespace ${name} to go` });
}

const named = ({ shape, manager, round }: Turn): string => `${shape}, round ${round}, ${manager}`;

/** Everything once, so that leadership, caches and the first compilation are no part of what is measured. */
async function warmUp(stage: Stage, { pid }: Running): Promise<void> {
  await newNamespace(stage.admin, stage.namespace);
  for (const phase of deployments(2, 2).phases) await (await phase.prepare(stage))();
  await quiet(pid);
}
