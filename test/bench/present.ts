/** A manager that starts where much is there already, and then has nothing to do. */
import { setTimeout as pause } from 'node:timers/promises';
import { newNamespace } from '#kit/manager.ts';
import { start } from './managers.ts';
import { counters, type OfPhase, quiet, tally } from './measure.ts';
import { monotonic } from './profile.ts';
import { type Arena, type Round, remove, type Turn } from './rounds.ts';
import { complete, deployment, type Present, type Stage } from './shapes.ts';
import { memoryOf } from './usage.ts';

const NAMESPACE = 'present';

/** Made once for all rounds and managers, by upstream's with its limits lifted. */
export async function populate(arena: Arena, stage: Stage, wish: Present): Promise<void> {
  const { admin, progress } = arena;
  if ((await admin.get('core/namespaces', { name: NAMESPACE })) !== undefined) return;
  progress(`making ${wish.deployments} Deployments of ${wish.replicas}`);
  const running = await start('upstream', arena);
  await newNamespace(admin, NAMESPACE);
  const there = { ...stage, namespace: NAMESPACE };
  const { done } = await complete(there, 'app:1', wish.deployments);
  for (let n = 0; n < wish.deployments; n += 50)
    await Promise.all(
      Array.from({ length: Math.min(50, wish.deployments - n) }, (_, more) =>
        admin.create('apps/deployments', deployment(there, n + more, wish.replicas)),
      ),
    );
  await done;
  await quiet(running.pid);
  await running.stop();
}

/** From the start of the process until a Deployment that waited for it is complete; then idle. */
export async function playPresent(arena: Arena, turn: Turn, stage: Stage, { idle }: Present): Promise<Round> {
  const { cluster, admin, progress } = arena;
  const { namespace } = stage;
  await admin.create('core/namespaces', { metadata: { name: namespace } });
  await admin.create('core/serviceaccounts', { metadata: { namespace, name: 'default' } });
  const { done } = await complete(stage, 'app:1', 1);
  await admin.create('apps/deployments', deployment(stage, 0, 1));
  const from = monotonic();
  const before = counters(cluster);
  const running = await start(turn.manager, arena);
  await done;
  const wall = (performance.now() - before.time) / 1000;
  await quiet(running.pid);
  const started = counters(cluster, running.pid);
  const of: OfPhase[] = [await tally(cluster, { phase: 'start', manager: turn.manager, wall }, before, started)];
  if (idle > 0) {
    progress(`${turn.manager}: idle for ${idle} s`);
    const calm = counters(cluster, running.pid);
    await pause(idle * 1000);
    const later = counters(cluster, running.pid);
    of.push(await tally(cluster, { phase: 'idle', manager: turn.manager, wall: idle }, calm, later));
  }
  const memory = memoryOf(running.pid);
  const window = { from, to: monotonic() };
  await remove(arena, namespace);
  await running.stop();
  return { ...turn, phases: of.map((one) => ({ ...turn, ...one })), memory, window };
}
