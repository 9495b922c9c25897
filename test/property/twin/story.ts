import fc from 'fast-check';
import type { BuiltIn } from '#core/resource.ts';
import type { Ms } from '#core/time.ts';
import type { Mood } from './disk.ts';
import type { Propagation } from './objects.ts';
import { FAIR, FOUL, type Weather } from './weather.ts';
import type { Machine, World } from './world.ts';

/** One kind of trouble, all of them, or none. */
export type WeatherKind = keyof Weather | 'all' | 'fair';

/** One thing that happens to the world. `machine` counts from the leader of that moment on: 0 is the leader. */
export type Act =
  | { readonly act: 'replicaset' | 'deployment' | 'scale'; readonly replicas: number }
  | { readonly act: 'roll' | 'dependent' | 'deny' | 'allow' | 'compact' | 'snapshot' | 'unlease' }
  | { readonly act: 'copy' | 'put-back'; readonly machine: number }
  | { readonly act: 'delete'; readonly propagation: Propagation }
  | { readonly act: 'pod'; readonly how: 'graceful' | 'at-once' | 'fails' }
  | { readonly act: 'weather'; readonly kind: WeatherKind }
  | { readonly act: 'watch'; readonly how: 'broken' | 'silent' | 'end'; readonly resource: BuiltIn }
  | { readonly act: 'away'; readonly length: Ms }
  | { readonly act: 'restore'; readonly length: Ms }
  | { readonly act: 'kill'; readonly machine: number; readonly power: boolean }
  | { readonly act: 'freeze' | 'cut'; readonly machine: number; readonly length: Ms }
  | { readonly act: 'stop'; readonly machine: number }
  | { readonly act: 'disk'; readonly machine: number; readonly mood: Mood }
  | { readonly act: 'clock'; readonly machine: number; readonly by: Ms };

export interface Step {
  /** Since the step before. */
  readonly after: Ms;
  readonly what: Act;
}

export interface Story {
  /** How long everything takes, and what comes first. */
  readonly seed: number;
  readonly machines: number;
  /** From the beginning on. */
  readonly weather: WeatherKind;
  readonly steps: readonly Step[];
}

const WATCHED: readonly BuiltIn[] = [
  'core/pods',
  'apps/replicasets',
  'apps/deployments',
  'core/namespaces',
  'core/configmaps',
];
const KINDS = ['lost', 'refused', 'slow', 'unreachable', 'watchLag', 'all', 'all', 'all'] as const;

const machine = fc.constantFrom(0, 0, 0, 1, 2);
const length = fc.integer({ min: 500, max: 25_000 });
const replicas = fc.constantFrom(0, 1, 2, 3, 4, 6);

const tenant: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ act: fc.constantFrom('replicaset', 'deployment', 'scale', 'scale'), replicas }),
  fc.record({ act: fc.constantFrom('roll', 'dependent') }),
  fc.record({
    act: fc.constant('delete' as const),
    propagation: fc.constantFrom('Foreground', 'Background', 'Orphan'),
  }),
  fc.record({ act: fc.constant('pod' as const), how: fc.constantFrom('graceful', 'at-once', 'fails') }),
);

const trouble: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ act: fc.constant('weather' as const), kind: fc.constantFrom(...KINDS, 'fair') }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      act: fc.constant('watch' as const),
      how: fc.constantFrom('broken', 'silent', 'end'),
      resource: fc.constantFrom(...WATCHED),
    }),
  },
  { weight: 1, arbitrary: fc.record({ act: fc.constantFrom('compact', 'deny', 'allow', 'unlease') }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('away' as const), length }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('kill' as const), machine, power: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constantFrom('freeze', 'cut'), machine, length }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('stop' as const), machine }) },
  {
    weight: 1,
    arbitrary: fc.record({
      act: fc.constant('disk' as const),
      machine,
      mood: fc.constantFrom('slow', 'hangs', 'fails', 'full', 'well'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      act: fc.constant('clock' as const),
      machine,
      by: fc.constantFrom(-3_600_000, -1500, 1500, 3_600_000),
    }),
  },
);

/** The disk of a machine, as a snapshot of it keeps it. */
const snapshots: fc.Arbitrary<Act> = fc.record({ act: fc.constantFrom('copy', 'put-back'), machine });

/** A restore changes what can be promised, so it is rare; it needs a snapshot to go back to. */
const history: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ act: fc.constant('snapshot' as const) }),
  fc.record({ act: fc.constant('restore' as const), length: fc.integer({ min: 100, max: 20_000 }) }),
);

const step = (what: fc.Arbitrary<Act>): fc.Arbitrary<Step> =>
  fc.record({ after: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 6000 })), what });

export function stories({ restores = true } = {}): fc.Arbitrary<Story> {
  const usual = fc.oneof({ weight: 3, arbitrary: tenant }, { weight: 1, arbitrary: trouble });
  const what = fc.oneof(
    { weight: 100, arbitrary: usual },
    { weight: 6, arbitrary: snapshots },
    { weight: restores ? 4 : 0, arbitrary: history },
  );
  return fc.record({
    seed: fc.noShrink(fc.integer({ min: 0, max: 2 ** 31 - 1 })),
    machines: fc.constantFrom(1, 2, 2, 3),
    weather: fc.constantFrom('fair', ...KINDS),
    steps: fc.array(step(what), { minLength: 1, maxLength: 16, size: 'max' }),
  });
}

/** Does one thing to the world. */
export function perform(world: World, act: Act): void {
  const { cluster } = world;
  world.tell(JSON.stringify(act));
  switch (act.act) {
    case 'replicaset':
      cluster.makeReplicaSet(act.replicas);
      break;
    case 'deployment':
      cluster.makeDeployment(act.replicas);
      break;
    case 'scale':
      cluster.scale(act.replicas);
      break;
    case 'roll':
      cluster.roll();
      break;
    case 'dependent':
      cluster.makeDependent();
      break;
    case 'delete':
      cluster.delete(act.propagation);
      break;
    case 'pod':
      cluster.kill(act.how);
      break;
    case 'deny':
    case 'allow':
      changePolicy(world, act.act === 'deny');
      break;
    case 'compact':
      world.server.objects.compact();
      world.watches.trouble('end');
      break;
    case 'unlease':
      world.deleteLease();
      break;
    case 'snapshot':
      takeSnapshot(world);
      break;
    case 'restore':
      restore(world, act.length);
      break;
    case 'weather':
      world.weather = weatherOf(act.kind, world.weather);
      break;
    case 'watch':
      world.watches.trouble(act.how, { resource: act.resource });
      break;
    case 'away':
      world.serverDown(act.length);
      break;
    default:
      toMachine(world, act, chosen(world, act.machine));
      break;
  }
}

type OfMachine = Extract<Act, { machine: number }>;

function toMachine(world: World, act: OfMachine, machine: Machine): void {
  switch (act.act) {
    case 'kill':
      world.kill(machine, act.power);
      break;
    case 'copy':
      machine.disk.copy();
      break;
    case 'put-back':
      world.putBack(machine);
      break;
    case 'freeze':
      world.freeze(machine, act.length);
      break;
    case 'cut':
      machine.cutUntil = world.sim.time + act.length;
      world.watches.trouble(world.sim.random() < 0.5 ? 'broken' : 'silent', hostOf(machine));
      break;
    case 'stop':
      world.stop(machine);
      break;
    case 'disk':
      machine.disk.mood = act.mood;
      break;
    case 'clock':
      if (machine.host !== undefined) machine.host.wallOffset += act.by;
      break;
  }
}

const hostOf = ({ host }: Machine) => (host === undefined ? {} : { host });

function chosen(world: World, from: number): Machine {
  const { machines } = world;
  const leader = world.leader()?.index ?? 0;
  return machines[(leader + from) % machines.length] as Machine;
}

export function weatherOf(kind: WeatherKind, now: Weather): Weather {
  if (kind === 'fair') return FAIR;
  return kind === 'all' ? FOUL : { ...now, [kind]: FOUL[kind] * 2 };
}

/** Pods of ReplicaSets of their own are refused, or everything is allowed again. */
function changePolicy(world: World, denies: boolean): void {
  const { version } = world.policy.bundle;
  world.activate({
    bundle: { version: version + 1, digest: denies ? 'd' : 'a' },
    denies: ({ write, cause }) =>
      denies && write.resource === 'pods' && write.verb === 'create' && cause.trigger?.name.startsWith('rs-') === true,
  });
}

/**
 * The rest of the cluster is busy: what a restore to this loses is more than what happens until it is noticed. Where the
 * revisions have caught up by then, nothing tells of it but what is compared object by object.
 */
function takeSnapshot({ snapshots, server: { objects } }: World): void {
  snapshots.push(objects.snapshot());
  objects.revision += 10_000;
}

function restore(world: World, length: Ms): void {
  const snapshot = world.snapshots.at(-1);
  if (snapshot !== undefined) world.restore(snapshot, length);
}

/** Everything works again: what is still wrong after this is the product's. */
export function heal(world: World): void {
  world.tell('everything works again');
  world.weather = FAIR;
  world.downUntil = 0;
  for (const machine of world.machines) {
    machine.cutUntil = 0;
    machine.disk.mood = 'well';
  }
  changePolicy(world, false);
}
