import { readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CONTROLLERS } from '#controllers/registry.ts';
import { generationOf, raiseGeneration, readGenerations } from '#identity/generations.ts';
import { createIdentities, type RunningIdentities } from '#identity/identities.ts';
import { renderManifests, toYaml } from '#identity/manifests.ts';
import type { Credential } from '#identity/port.ts';
import { compileProfiles, type NamingMode } from '#identity/profiles.ts';
import type { Keeper } from '#keeper/port.ts';
import type { Admin } from '#kit/admin.ts';
import { type IdentityCluster, identityCluster } from '#kit/identity-cluster.ts';
import { recordingTelemetry } from '#kit/telemetry.ts';
import { until } from '#kit/wait.ts';
import { systemClock } from '#telemetry/clock.ts';

let world: IdentityCluster;
let running: RunningIdentities | undefined;

beforeAll(async () => {
  world = await identityCluster();
});
afterEach(() => {
  running?.close();
  running = undefined;
});
afterAll(() => world?.stop());

async function identities(keeper: Keeper, mode: NamingMode, lifetime = 3_600_000): Promise<RunningIdentities> {
  running = await createIdentities({
    keeper,
    profiles: compileProfiles(CONTROLLERS, mode),
    serverCaPem: readFileSync(world.cluster.caFile, 'utf8'),
    lifetime,
    clock: systemClock,
    ...recordingTelemetry(),
    onCertificate: async () => undefined,
  });
  return running;
}

interface Said {
  readonly status: number;
  readonly body: unknown;
}

/** One request on a connection of its own, with nothing but the credential. */
function ask(credential: Credential, method: string, path: string, body?: object): Promise<Said> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const options = { method, headers, secureContext: credential.context, agent: false };
    const sent = request(new URL(path, world.cluster.server), options, (answer) => {
      text(answer).then((said) => resolve({ status: answer.statusCode ?? 0, body: JSON.parse(said) }), reject);
    });
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

interface User {
  readonly username: string;
  readonly groups: readonly string[];
}
async function whoAmI(credential: Credential): Promise<User> {
  const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
  const said = await ask(credential, 'POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', review);
  return (said.body as { status: { userInfo: User } }).status.userInfo;
}

const pods = '/api/v1/namespaces/default/pods?limit=1';

describe('I4: identities', () => {
  it('are what the API server sees, each its own', async () => {
    const issued = await identities(world.keeper, 'comptroller');
    for (const { identity } of issued.list()) {
      const { username, groups } = await whoAmI(issued.current(identity));
      expect(username).toBe(`comptroller:${identity}`);
      expect([...groups].sort()).toEqual(
        [`comptroller:${identity}:g1`, 'comptroller:controllers', 'system:authenticated'].sort(),
      );
    }
  });

  it('read as reader, and as nobody else', async () => {
    const issued = await identities(world.keeper, 'comptroller');
    expect((await ask(issued.current('reader'), 'GET', pods)).status).toBe(200);
    expect((await ask(issued.current('replicaset'), 'GET', pods)).status).toBe(403);
    expect((await ask(issued.current('leader'), 'GET', pods)).status).toBe(403);
  });

  it('are renewed by themselves; the old certificate works on until it ends', async () => {
    const issued = await identities(world.keeper, 'comptroller', 6_000);
    const first = issued.current('reader');
    const told = new Set<string>();
    issued.onRenewal((credential) => void told.add(credential.identity));
    await until(() => issued.current('reader').turn === 2, { timeout: 10_000, why: 'a renewal' });
    expect((await ask(first, 'GET', pods)).status).toBe(200);
    expect((await ask(issued.current('reader'), 'GET', pods)).status).toBe(200);
    await until(() => told.size === issued.list().length, { timeout: 10_000, why: 'every identity to be renewed' });
    await until(async () => (await ask(first, 'GET', pods)).status === 401, {
      timeout: 15_000,
      why: 'the old one to end',
    });
  });
});

describe('revocation', () => {
  it('takes every older certificate its rights when the binding moves to the next generation', async () => {
    const stolen = await world.as('reader');
    const status = async (client: Admin): Promise<number> => (await client.call('GET', pods)).status;
    expect(await status(stolen)).toBe(200);

    raiseGeneration(world.keeperState, 'reader');
    const generations = readGenerations(world.keeperState);
    expect(generationOf(generations, 'reader')).toBe(2);
    const fresh = await world.as('reader');
    expect(await status(fresh)).toBe(403);

    const files = renderManifests(CONTROLLERS, { mode: 'comptroller', generations });
    await world.admin.applyYaml(toYaml(files.filter(({ file }) => file === 'rbac/reader.yaml')));
    await until(async () => (await status(fresh)) === 200, {
      timeout: 10_000,
      why: 'the new generation to have its rights',
    });
    expect(await status(stolen)).toBe(403);
  });
});

describe('naming mode upstream', () => {
  it('has the stock users, and what the stock bindings give, with only patches added', async () => {
    const issued = await identities(await world.upstreamKeeper(), 'upstream');
    const user = await whoAmI(issued.current('replicaset'));
    expect(user.username).toBe('system:serviceaccount:kube-system:replicaset-controller');
    expect(user.groups).toEqual(['system:authenticated']);
    expect((await whoAmI(issued.current('reader'))).username).toBe('system:kube-controller-manager');
    expect((await ask(issued.current('reader'), 'GET', pods)).status).toBe(200);

    const may = async (identity: string, resourceAttributes: object): Promise<boolean> => {
      const review = {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SelfSubjectAccessReview',
        spec: { resourceAttributes },
      };
      const said = await ask(
        issued.current(identity),
        'POST',
        '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
        review,
      );
      return (said.body as { status: { allowed: boolean } }).status.allowed;
    };
    const lease = {
      group: 'coordination.k8s.io',
      resource: 'leases',
      namespace: 'kube-system',
      name: 'kube-controller-manager',
    };
    const status = { group: 'apps', resource: 'replicasets', subresource: 'status', verb: 'patch' };
    const rootCa = { group: '', resource: 'configmaps', name: 'kube-root-ca.crt', verb: 'patch' };
    expect(await may('replicaset', status)).toBe(false);

    const added = renderManifests(CONTROLLERS, { mode: 'upstream', generations: new Map() });
    await world.admin.applyYaml(toYaml(added));
    await until(() => may('replicaset', status), { timeout: 10_000, why: 'the added role' });
    await until(() => may('root-ca-certificate-publisher', rootCa), { timeout: 10_000, why: 'the added role' });
    for (const verb of ['create', 'patch', 'delete'])
      expect(await may('replicaset', { group: '', resource: 'pods', verb })).toBe(true);
    for (const verb of ['get', 'update', 'watch']) expect(await may('leader', { ...lease, verb })).toBe(true);
    expect(await may('serviceaccount', { group: '', resource: 'serviceaccounts', verb: 'create' })).toBe(true);
    for (const [group, resource] of [
      ['authentication.k8s.io', 'tokenreviews'],
      ['authorization.k8s.io', 'subjectaccessreviews'],
    ]) {
      expect(await may('authn', { group, resource, verb: 'create' })).toBe(true);
    }
    expect(
      await may('authn', {
        resource: 'configmaps',
        namespace: 'kube-system',
        name: 'extension-apiserver-authentication',
        verb: 'get',
      }),
    ).toBe(true);
  });
});

describe('flow control', () => {
  it('queues the lease with the leader elections, and the controllers where upstream stands', async () => {
    const level = async (identity: string, path: string): Promise<string> => {
      const client = await world.as(identity);
      const answer = await client.call('GET', path);
      return String(answer.headers['x-kubernetes-pf-flowschema-uid']);
    };
    const uid = async (name: string): Promise<string | undefined> =>
      (await world.admin.get('flowcontrol.apiserver.k8s.io/flowschemas', { name }))?.metadata?.uid;
    const lease = '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-controller-manager';
    const leader = await uid('comptroller-leader');
    const fleet = await uid('comptroller-controllers');
    await until(async () => (await level('leader', lease)) === leader, {
      timeout: 10_000,
      why: 'the schema to be in force',
    });
    await until(async () => (await level('replicaset', pods)) === fleet, {
      timeout: 10_000,
      why: 'the schema to be in force',
    });
    expect(await level('leader', pods)).toBe(fleet);
  });
});

describe('the files that are left', () => {
  it('hold no key of an identity', async () => {
    await identities(world.keeper, 'comptroller');
    expect(readdirSync(world.keeperState).sort()).toEqual([
      'checkpoint.key',
      'generations.json',
      'keeper.sock',
      'origins.json',
    ]);
  });
});
