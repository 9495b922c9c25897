/** Policy bundles that cannot be used, put in the place of the one in force, or found at a start. */
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { ship, versionAt } from '#kit/bundles.ts';
import { newNamespace, ready, recordsIn } from '#kit/manager.ts';
import { until } from '#kit/wait.ts';
import { replicaSet } from '../../demo/objects.ts';
import type { Arena, Fault, Measured, Replica } from '../fault.ts';
import { BAD_BUNDLES, type BadBundle, trapIn } from './parts/bad-bundles.ts';
import { hears, holderNow, saidBy, shown, whileDown } from './parts/replicas.ts';

interface Told {
  readonly activated: boolean;
  readonly bundle: { readonly version: number };
  readonly why?: string;
}

/** Waits until the newest log has a note of a bundle that is like that. */
async function recorded({ ledgerDir }: Replica, what: string, like: (told: Told) => boolean): Promise<Told> {
  const find = async (): Promise<Told | undefined> =>
    (await recordsIn(ledgerDir))
      .filter(({ data }) => data.note === 'bundle')
      .map(({ data }) => data as unknown as Told)
      .findLast(like);
  return until(find, { timeout: 30_000, why: `the ledger to tell of ${what}` });
}

/** The shipped rules again, in force. */
async function good(arena: Arena, replica: Replica): Promise<void> {
  const version = versionAt(arena.at) + 1;
  await ship(arena.at, { version });
  await recorded(
    replica,
    `version ${version} in force`,
    ({ activated, bundle }) => activated && bundle.version === version,
  );
}

async function whileRunning(arena: Arena, bad: BadBundle): Promise<Measured> {
  const { fleet, at } = arena;
  const replica = await fleet.leader();
  const inForce = versionAt(at);
  const version = inForce + 1;
  const change = await bad.make(version);
  try {
    await ship(at, change);
    const shipped = performance.now();
    const { why = '' } = await recorded(
      replica,
      `a refusal of version ${version}`,
      ({ activated, bundle }) => !activated && bundle.version === version,
    );
    const took = performance.now() - shipped;
    assert.match(why, bad.why);
    const said =
      saidBy(replica)
        .split('\n')
        .findLast((line) => line.includes('"msg":"policy bundle refused"')) ?? '';
    assert.ok(said.includes(`"inForce":${inForce}`), `the bundle in force is not the one from before: ${said}`);
    await arena.load.settle();
    arena.load.resume();
    return { 'refused after': shown(took) };
  } finally {
    await good(arena, replica);
  }
}

/** Nobody leads who cannot judge; the bundle that is good again is taken without a restart. */
async function atStart(arena: Arena, bad: BadBundle): Promise<Measured> {
  const { fleet, at } = arena;
  const replica = await fleet.leader();
  const version = versionAt(at) + 1;
  const change = await bad.make(version);
  await whileDown(arena, replica, () => ship(at, change));
  await hears(replica, 'following only, until a policy bundle is in force', 40_000);
  await hears(replica, '"msg":"policy bundle refused"');
  await pause(3000);
  assert.equal(await holderNow(arena), '', 'a process without a policy leads');
  const healed = performance.now();
  await good(arena, replica);
  await fleet.leader();
  return { 'led after': shown(performance.now() - healed) };
}

const TRAP = 'trap-';

/** Whoever makes rules think for minutes waits; nobody else does. */
async function trap(arena: Arena): Promise<Measured> {
  const { fleet, at, admin, load } = arena;
  const replica = await fleet.leader();
  const version = versionAt(at) + 1;
  const namespace = `${TRAP}${arena.draw.int(0, 1e9)}`;
  await newNamespace(admin, namespace);
  await ship(at, await trapIn(TRAP, version));
  try {
    await recorded(
      replica,
      `version ${version} in force`,
      ({ activated, bundle }) => activated && bundle.version === version,
    );
    await admin.create('apps/replicasets', replicaSet(namespace, 'web', 3));
    await hears(replica, '"why":"timeout","msg":"policy evaluator replaced"');
    const begun = performance.now();
    await load.settle();
    load.resume();
    const others = performance.now() - begun;
    assert.deepEqual(await admin.list('core/pods', { namespace }), [], 'a write was sent that nobody judged');
    await good(arena, replica);
    await ready(admin, { namespace, name: 'web' }, 3);
    return { 'others as wished after': shown(others) };
  } finally {
    if (versionAt(at) === version) await good(arena, replica);
    await admin.delete('core/namespaces', { name: namespace });
  }
}

export const POLICY_FAULTS: readonly Fault[] = [
  ...BAD_BUNDLES.map(
    (bad): Fault => ({
      name: `policy-${bad.name}`,
      group: 'policy',
      expects: `a new bundle that is ${bad.name} is refused and recorded; the one in force stays`,
      inflict: (arena) => whileRunning(arena, bad),
    }),
  ),
  {
    name: 'policy-bad-at-start',
    group: 'policy',
    expects:
      'a process that finds no bundle it can use says so, follows, and leads once there is one, without a restart',
    times: 3,
    inflict: (arena) => atStart(arena, arena.draw.of(BAD_BUNDLES)),
  },
  {
    name: 'policy-endless-for-one',
    group: 'policy',
    expects: 'rules that are endless for one namespace hold up that one alone, until better ones are there',
    inflict: trap,
  },
];
