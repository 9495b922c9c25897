import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createReader } from '#api/read.ts';
import { CONTROLLERS } from '#controllers/registry.ts';
import { type Doors, openDoors } from '#doors/server.ts';
import { createIdentities } from '#identity/identities.ts';
import { compileProfiles } from '#identity/profiles.ts';
import { type IdentityCluster, identityCluster } from '#kit/identity-cluster.ts';
import { recordingTelemetry } from '#kit/telemetry.ts';
import { systemClock } from '#telemetry/clock.ts';
import { createHealth } from '#telemetry/health.ts';
import { createMetrics } from '#telemetry/metrics.ts';

let world: IdentityCluster;
let doors: Doors;
const closers: (() => unknown)[] = [];

beforeAll(async () => {
  world = await identityCluster();
  const telemetry = recordingTelemetry();
  const identities = await createIdentities({
    keeper: world.keeper,
    profiles: compileProfiles(CONTROLLERS, 'comptroller'),
    serverCaPem: readFileSync(world.cluster.caFile, 'utf8'),
    lifetime: 3_600_000,
    clock: systemClock,
    ...telemetry,
    onCertificate: async () => undefined,
  });
  const endpoint = { server: world.cluster.server, version: 'test' };
  const reader = createReader({ endpoint, identities, clock: systemClock, ...telemetry });
  doors = await openDoors({
    config: { bindAddress: '127.0.0.1', port: await freePort(), minVersion: 'TLSv1.3', ciphers: [] },
    reader,
    health: createHealth(),
    metrics: createMetrics({ version: '0.1.0', kubernetes: 'v1.37.1' }),
    clock: systemClock,
    ...telemetry,
    readFile: (path) => readFileSync(path, 'utf8'),
  });
  closers.push(
    () => doors.close(0),
    () => reader.close(),
    () => identities.close(),
  );
});
afterAll(async () => {
  for (const close of closers) await close();
  await world?.stop();
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

interface Who {
  readonly token?: string;
  readonly keys?: { readonly certFile: string; readonly keyFile: string };
}

async function ask(path: string, { token, keys }: Who = {}): Promise<{ status: number; body: string }> {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const certificate = keys && { cert: readFileSync(keys.certFile), key: readFileSync(keys.keyFile) };
  const { port } = doors.address as { port: number };
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, headers, agent: false, rejectUnauthorized: false, ...certificate };
    const sent = request(options, (answer) => {
      text(answer).then((body) => resolve({ status: answer.statusCode ?? 0, body }), reject);
    });
    sent.on('error', reject);
    sent.end();
  });
}

async function tokenOf(name: string): Promise<string> {
  await world.admin.call('POST', '/api/v1/namespaces/default/serviceaccounts', { body: { metadata: { name } } });
  const path = `/api/v1/namespaces/default/serviceaccounts/${name}/token`;
  const spec = { expirationSeconds: 600 };
  const answer = await world.admin.call('POST', path, { body: { spec } });
  return (answer.body as { status: { token: string } }).status.token;
}

/** The right that monitoring is given, as upstream's documentation has it. */
const MONITORING = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: monitoring}
rules: [{nonResourceURLs: [/metrics], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: monitoring}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: monitoring}
subjects: [{kind: ServiceAccount, namespace: default, name: prometheus}]
`;

describe('the doors ask the API server', () => {
  test('anyone may know about health, and nothing else', async () => {
    expect(await ask('/healthz')).toEqual({ status: 200, body: 'ok' });
    expect(await ask('/metrics')).toEqual({ status: 401, body: 'unauthorized\n' });
    expect(await ask('/metrics', { token: 'made-up' })).toEqual({ status: 401, body: 'unauthorized\n' });
  });

  test('a token needs the right on /metrics', async () => {
    await world.admin.applyYaml(MONITORING);
    expect(await ask('/metrics', { token: await tokenOf('somebody') })).toEqual({ status: 403, body: 'forbidden\n' });
    const token = await tokenOf('prometheus');
    // Seen by the authorizer within moments; a denial is believed for ten seconds.
    await expect
      .poll(async () => (await ask('/metrics', { token })).status, { timeout: 20_000, interval: 500 })
      .toBe(200);
    expect((await ask('/metrics', { token })).body).toContain('process_start_time_seconds');
  });

  test("a client certificate of the cluster's CA counts, by the CAs that the cluster publishes", async () => {
    await expect.poll(async () => (await ask('/metrics', { keys: world.cluster.adminKeys })).status).toBe(200);
    const nobody = await world.cluster.issue({ commonName: 'nobody' });
    expect((await ask('/metrics', { keys: nobody })).status).toBe(403);
  });
});
