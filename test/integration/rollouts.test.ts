/**
 * Drawn rollouts on a real control plane, with another image, size, pause or way back in the middle of them: ReplicaSets
 * never wish more pods in all than the surge allows, and never are fewer ready than may be missing, as the API server's
 * audit log tells it. (For the moment in which a ReplicaSet that was lowered takes its pods away there may be more; so
 * upstream counts, too.)
 */
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import type { Deployment } from '#core/k8s/types.gen.ts';
import type { ApiObject } from '#core/resource.ts';
import { followSets } from '#kit/count-active.ts';
import { newNamespace, withManager } from '#kit/manager.ts';
import { availabilityOf } from '../demo/availability.ts';

// What is scaled down by drawn numbers is no mistake here; the breaker has a test of its own.
const world = withManager({ nodes: 4, first: { flags: ['--breaker-weight-per-cause=1000'] } });
const NAMESPACE = 'drawn';
const SEED = 37;

type Amount = number | `${number}%`;

interface Act {
  readonly does: 'roll' | 'scale' | 'back' | 'pause';
  /** The size it is scaled to. */
  readonly to: number;
  /** It is done once so much of the rollout before it is through. */
  readonly after: number;
}

interface Story {
  readonly replicas: number;
  readonly maxSurge: Amount;
  readonly maxUnavailable: Amount;
  readonly acts: readonly Act[];
}

const size = fc.integer({ min: 4, max: 24 });
const amount: fc.Arbitrary<Amount> = fc.oneof(
  fc.integer({ min: 0, max: 4 }),
  fc.integer({ min: 0, max: 60 }).map((percent) => `${percent}%` as const),
);
const act: fc.Arbitrary<Act> = fc.record({
  does: fc.constantFrom('roll', 'scale', 'back', 'pause'),
  to: size,
  after: fc.constantFrom(0, 0.3, 0.6, 1),
});
const story: fc.Arbitrary<Story> = fc
  .record({
    replicas: size,
    maxSurge: amount,
    maxUnavailable: amount,
    acts: fc.array(act, { minLength: 2, maxLength: 4 }),
  })
  .filter(
    ({ maxSurge, maxUnavailable }) => Number.parseInt(`${maxSurge}`, 10) + Number.parseInt(`${maxUnavailable}`, 10) > 0,
  );
const STORIES = fc.sample(story, { numRuns: 8, seed: SEED });

/** What the API server's validation and upstream say they mean. */
const surgeOf = ({ maxSurge }: Story, replicas: number): number =>
  typeof maxSurge === 'number' ? maxSurge : Math.ceil((replicas * Number.parseInt(maxSurge, 10)) / 100);
function missingOf(story: Story, replicas: number): number {
  const { maxUnavailable } = story;
  const may =
    typeof maxUnavailable === 'number'
      ? maxUnavailable
      : Math.floor((replicas * Number.parseInt(maxUnavailable, 10)) / 100);
  // Where both come to nothing, one may be missing, or nothing would ever move.
  return may === 0 && surgeOf(story, replicas) === 0 ? 1 : may;
}

beforeAll(() => newNamespace(world.admin, NAMESPACE));

test.each(STORIES.map((one, at) => ({ name: `d${at}`, ...one })))(
  '$name: $replicas pods, surge $maxSurge, missing $maxUnavailable, $acts',
  async ({ name, ...drawn }) => {
    const { admin, cluster } = world;
    const at = { namespace: NAMESPACE, name };
    await admin.create('apps/deployments', deployment(name, drawn));
    await settled(name, drawn.replicas);
    const totals: number[] = [];
    const stop = followSets(cluster, NAMESPACE, name, (sets) => {
      totals.push(sets.reduce((total, { spec }) => total + (spec.replicas ?? 1), 0));
    });
    const from = now();
    const sizes = [drawn.replicas];
    let image = 1;
    await admin.patch('apps/deployments', at, imageOf(++image));
    for (const { does, to, after } of drawn.acts) {
      await through(name, after);
      if (does === 'scale') sizes.push(to);
      if (does === 'roll') image += 1;
      if (does === 'back') image = Math.max(1, image - 1);
      const patch = { roll: imageOf(image), back: imageOf(image), scale: { spec: { replicas: to } }, pause: PAUSED };
      await admin.patch('apps/deployments', at, patch[does]);
      if (does === 'pause') await admin.patch('apps/deployments', at, RESUMED);
    }
    await settled(name, sizes.at(-1) ?? 0);
    await stop();
    const { least } = availabilityOf(cluster, NAMESPACE, `${name}-`, from, now());
    expect(least).toBeGreaterThanOrEqual(Math.min(...sizes.map((replicas) => replicas - missingOf(drawn, replicas))));
    expect(totals.length).toBeGreaterThan(drawn.acts.length);
    expect(Math.max(...totals)).toBeLessThanOrEqual(
      Math.max(...sizes.map((replicas) => replicas + surgeOf(drawn, replicas))),
    );
  },
);

const now = (): string => new Date().toISOString();
const PAUSED = { spec: { paused: true } };
const RESUMED = { spec: { paused: null } };
const imageOf = (turn: number) => ({
  spec: { template: { spec: { containers: [{ name: 'main', image: `x:${turn}` }] } } },
});

const deployment = (name: string, { replicas, maxSurge, maxUnavailable }: Story) => ({
  metadata: { namespace: NAMESPACE, name },
  spec: {
    replicas,
    selector: { matchLabels: { app: name } },
    strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'main', image: 'x:1' }], terminationGracePeriodSeconds: 0 },
    },
  },
});

type Shown = (Deployment & ApiObject) | undefined;
const isSeen = (found: Shown): boolean => found?.status?.observedGeneration === found?.metadata?.generation;

function settled(name: string, replicas: number): Promise<unknown> {
  const inOrder = (found: Shown): boolean =>
    isSeen(found) &&
    found?.status?.updatedReplicas === replicas &&
    found.status.replicas === replicas &&
    found.status.availableReplicas === replicas;
  const why = `${name} to have ${replicas} pods`;
  return world.admin.waitFor('apps/deployments', { namespace: NAMESPACE, name }, inOrder, { timeout: 60_000, why });
}

/** Until so much of its pods is of the newest template, from 0 to 1. */
function through(name: string, share: number): Promise<unknown> {
  const isThere = (found: Shown): boolean =>
    isSeen(found) && (found?.status?.updatedReplicas ?? 0) >= Math.floor(share * (found?.spec?.replicas ?? 0));
  const why = `${name} to be through with ${share} of it`;
  return world.admin.waitFor('apps/deployments', { namespace: NAMESPACE, name }, isThere, { timeout: 60_000, why });
}
