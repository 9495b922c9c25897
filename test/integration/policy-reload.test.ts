/** A new bundle takes hold without a restart; a broken one changes nothing and says so. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ReplicaSet } from '#core/k8s/types.gen.ts';
import { ship } from '#kit/bundles.ts';
import { metric, newNamespace, ready, recordsIn, saidBy, withManager } from '#kit/manager.ts';
import { until } from '#kit/wait.ts';
import { signBundle } from '#policy/bundle.ts';
import { newKeyPair } from '#policy/keys.ts';
import { replicaSet } from '../demo/objects.ts';

const world = withManager({ nodes: 2 });
const privileged = { securityContext: { privileged: true } };
const refused = (set: ReplicaSet | undefined): boolean =>
  set?.status?.conditions?.some(({ message }) => message?.includes('pod-security-baseline/privileged')) === true;

/** Namespaces that may run privileged pods. */
const exempt =
  (...names: readonly string[]) =>
  (data: Record<string, unknown>): void => {
    const { pod_security } = data.exemptions as { pod_security: Record<string, unknown> };
    for (const name of names) pod_security[name] = [{ controllers: ['*'], level: 'privileged', reason: 'a trial' }];
  };

const notes = async () =>
  (await recordsIn(world.manager.ledgerDir))
    .filter(({ data }) => data.note === 'bundle')
    .map(({ data }) => data as { activated: boolean; bundle: { version: number }; why?: string });
const activeVersion = async (): Promise<number> =>
  Math.max(...(await notes()).filter(({ activated }) => activated).map(({ bundle }) => bundle.version));
const worksStill = async (name: string): Promise<void> => {
  await world.admin.create('apps/replicasets', replicaSet('trial', name, 2));
  await ready(world.admin, { namespace: 'trial', name }, 2);
};

describe('a policy bundle', () => {
  test('I11: a new one is in force without a restart, and what it allows now is done', async () => {
    const { admin, manager } = world;
    await newNamespace(admin, 'trial');
    await admin.create('apps/replicasets', replicaSet('trial', 'agent', 3, privileged));
    await admin.waitFor('apps/replicasets', { namespace: 'trial', name: 'agent' }, refused, { why: 'the refusal' });
    await ship(world.at, { version: 2, data: exempt('trial') });
    await ready(admin, { namespace: 'trial', name: 'agent' }, 3);
    expect(await activeVersion()).toBe(2);
    expect(() => process.kill(manager.pid, 0)).not.toThrow();
    expect(await metric(world, 'policy_bundle_info', '{version="2"')).toBe(1);
  });

  test.each([
    [
      'one whose data is not what was signed',
      { version: 3, after: (directory: string) => writeFileSync(join(directory, 'data.json'), '{"exemptions":{}}\n') },
      'digest',
    ],
    ['one that a stranger signed', { version: 4, after: strangersSignature }, 'signature'],
    [
      'one that nobody signed',
      {
        version: 5,
        after: (directory: string) => writeFileSync(join(directory, 'signatures.json'), '{"signatures":[]}\n'),
      },
      'signature',
    ],
    ['I16: one of a lower version', { version: 1 }, 'version'],
    [
      'one whose module was swapped',
      { version: 6, after: (directory: string) => writeFileSync(join(directory, 'policy.wasm'), 'nonsense') },
      'digest',
    ],
  ] as const)('%s changes nothing, and is said and recorded', async (_, change, fault) => {
    const label = `{why="${fault}"}`;
    const errors = await metric(world, 'policy_bundle_errors_total', label);
    await ship(world.at, change);
    await until(async () => (await metric(world, 'policy_bundle_errors_total', label)) > errors, {
      timeout: 20_000,
      why: 'the refusal to be counted',
    });
    const refusals = (await notes()).filter(({ activated, bundle }) => !activated && bundle.version === change.version);
    expect(refusals.at(-1)?.why).toMatch(new RegExp(`^${fault}: `));
    const said = saidBy(world.manager)
      .split('\n')
      .findLast((line) => line.includes('"msg":"policy bundle refused"'));
    expect(said).toContain(`"why":"${fault}: `);
    expect(said).toContain('"inForce":2');
    expect(await activeVersion()).toBe(2);
    await worksStill(`still-${change.version}`);
  });

  test('the next good one is taken after all of that', async () => {
    await ship(world.at, { version: 7 });
    await until(async () => (await activeVersion()) === 7, { timeout: 20_000, why: 'version 7 in force' });
    await world.admin.create('apps/replicasets', replicaSet('trial', 'agent-again', 1, privileged));
    await world.admin.waitFor('apps/replicasets', { namespace: 'trial', name: 'agent-again' }, refused, {
      why: 'the refusal: version 7 exempts nobody',
    });
  });
});

/** A valid signature, under the configured key's name, by a key that nobody configured. */
function strangersSignature(directory: string): Promise<void> {
  return signBundle(directory, newKeyPair('local-policy-signer', 'EdDSA').key, 'local-policy-signer');
}
