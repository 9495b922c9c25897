/** A new bundle takes hold without a restart; a broken one changes nothing and says so. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ReplicaSet } from '#core/k8s/types.gen.ts';
import { heard, knock, metric, newNamespace, ready, recordsIn, withManager } from '#kit/manager.ts';
import { until } from '#kit/wait.ts';
import { sha256, signBundle } from '#policy/bundle.ts';
import { newKeyPair } from '#policy/keys.ts';
import { replicaSet } from '../demo/objects.ts';

const world = withManager({ nodes: 2 });
const privileged = { securityContext: { privileged: true } };
const refused = (set: ReplicaSet | undefined): boolean =>
  set?.status?.conditions?.some(({ message }) => message?.includes('pod-security-baseline/privileged')) === true;

interface Change {
  readonly version: number;
  /** Namespaces that may run privileged pods. */
  readonly exempt?: readonly string[];
  readonly after?: (directory: string) => void;
}

/** Writes another bundle beside the one in force, signs it, and puts it in its place, manifest and signatures last. */
async function ship({ version, exempt = [], after }: Change): Promise<void> {
  const { bundle, signer } = world.at;
  const next = `${bundle}-${version}`;
  cpSync(join(import.meta.dirname, '../../policies/build'), next, { recursive: true });
  const data = JSON.parse(readFileSync(join(next, 'data.json'), 'utf8')) as {
    exemptions: { pod_security: Record<string, unknown> };
  };
  for (const name of exempt)
    data.exemptions.pod_security[name] = [{ controllers: ['*'], level: 'privileged', reason: 'a trial' }];
  const text = `${JSON.stringify(data)}\n`;
  writeFileSync(join(next, 'data.json'), text);
  const manifest = JSON.parse(readFileSync(join(next, 'manifest.json'), 'utf8')) as {
    version: number;
    files: Record<string, { sha256: string; size: number }>;
  };
  manifest.version = version;
  manifest.files['data.json'] = { sha256: sha256(text), size: Buffer.byteLength(text) };
  writeFileSync(join(next, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  await signBundle(next, signer, 'local-policy-signer');
  after?.(next);
  for (const file of ['policy.wasm', 'data.json', 'selftest.json', 'manifest.json', 'signatures.json'])
    cpSync(join(next, file), join(bundle, file));
}

const notes = async () =>
  (await recordsIn(world.manager.ledgerDir))
    .filter(({ data }) => data.note === 'bundle')
    .map(({ data }) => data as { activated: boolean; bundle: { version: number } });
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
    await ship({ version: 2, exempt: ['trial'] });
    await ready(admin, { namespace: 'trial', name: 'agent' }, 3);
    expect(await activeVersion()).toBe(2);
    expect(manager.exited).toBeInstanceOf(Promise);
    expect(await metric(world, 'policy_bundle_info', '{version="2"')).toBe(1);
  });

  test.each([
    [
      'one whose data is not what was signed',
      { version: 3, after: (directory: string) => writeFileSync(join(directory, 'data.json'), '{"exemptions":{}}\n') },
    ],
    [
      'one that a stranger signed',
      {
        version: 4,
        after: (directory: string) => writeFileSync(join(directory, 'signatures.json'), strangersSignature(directory)),
      },
    ],
    ['I16: one of a lower version', { version: 1 }],
    [
      'one whose module is not a module',
      { version: 5, after: (directory: string) => writeFileSync(join(directory, 'policy.wasm'), 'nonsense') },
    ],
  ] as const)('%s changes nothing, and is said and recorded', async (_, change) => {
    const before = (await notes()).filter(({ activated }) => !activated).length;
    const errors = await errorCount();
    await ship(change);
    await until(async () => (await notes()).filter(({ activated }) => !activated).length > before, {
      timeout: 20_000,
      why: 'the refusal in the ledger',
    });
    await heard(world.manager, '"level":"error"');
    expect(await errorCount()).toBeGreaterThan(errors);
    expect(await activeVersion()).toBe(2);
    await worksStill(`still-${change.version}`);
  });

  test('the next good one is taken after all of that', async () => {
    await ship({ version: 6 });
    await until(async () => (await activeVersion()) === 6, { timeout: 20_000, why: 'version 6 in force' });
    await world.admin.create('apps/replicasets', replicaSet('trial', 'agent-again', 1, privileged));
    await world.admin.waitFor('apps/replicasets', { namespace: 'trial', name: 'agent-again' }, refused, {
      why: 'the refusal: version 6 exempts nobody',
    });
  });
});

async function errorCount(): Promise<number> {
  const { body } = await knock(world.manager, '/metrics', world.cluster.adminKeys);
  const lines = body.split('\n').filter((line) => line.startsWith('policy_bundle_errors_total{'));
  return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** A well-formed signature by a key that nobody configured, under the configured key's name. */
function strangersSignature(directory: string): string {
  const { signatures } = JSON.parse(readFileSync(join(directory, 'signatures.json'), 'utf8')) as {
    signatures: { protected: string; signature: string }[];
  };
  const stranger = newKeyPair('local-policy-signer', 'EdDSA');
  const forged = signatures.map((one) => ({
    ...one,
    signature: Buffer.from(stranger.publicJwk.x ?? '', 'base64url')
      .toString('base64url')
      .repeat(2)
      .slice(0, 86),
  }));
  return JSON.stringify({ signatures: forged });
}
