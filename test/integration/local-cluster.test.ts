import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Pod } from '#core/k8s/types.gen.ts';
import { admin } from '#kit/admin.ts';
import { withCluster } from '#kit/cluster.ts';
import { until } from '#kit/wait.ts';
import { startCluster } from '#local/cluster.ts';
import { isAlive } from '#local/processes.ts';

const ROOT = join(import.meta.dirname, '../..');
const NS = { namespace: 'default' };

function pod(name: string, rest: { metadata?: object; spec?: object } = {}): object {
  const spec = { containers: [{ name: 'main', image: 'example.test/main:1' }], ...rest.spec };
  return { metadata: { name, namespace: 'default', ...rest.metadata }, spec };
}

function jobPod(name: string, command: readonly string[]): object {
  const job = { apiVersion: 'batch/v1', kind: 'Job', name: 'job', uid: 'no-such-job', controller: true };
  const containers = [{ name: 'main', image: 'example.test/main:1', command }];
  return pod(name, { metadata: { ownerReferences: [job] }, spec: { containers, restartPolicy: 'Never' } });
}

function ready(of: Pod | undefined): string | undefined {
  return of?.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
}

function simulate(how: string): object {
  return { annotations: { 'comptroller.dev/simulate': how } };
}

describe('a local cluster', () => {
  const use = withCluster({ name: 'boot' });

  beforeAll(async () => {
    // Nobody runs here who would make it.
    await use.admin.create('core/serviceaccounts', { metadata: { name: 'default', namespace: 'default' } });
  });

  it('runs a bare pod on a simulated node', async () => {
    await use.admin.create('core/pods', pod('bare'));
    const seen = await use.admin.waitFor('core/pods', { ...NS, name: 'bare' }, (each) => ready(each) === 'True', {
      why: 'the pod to be Ready',
    });
    expect(seen?.status?.phase).toBe('Running');
    expect(seen?.status?.podIP).toMatch(/^10\.244\./);
    expect(seen?.spec?.nodeName).toMatch(/^node-\d$/);
    expect(seen?.status?.containerStatuses?.[0]).toMatchObject({ name: 'main', ready: true });
  });

  it('writes down each request under the Audit-ID that the client chose', async () => {
    const auditId = 'chosen-by-the-client-1';
    const headers = { 'Audit-ID': auditId };
    await use.admin.create('core/configmaps', { metadata: { name: 'audited', ...NS } }, {}, { headers });
    const events = auditEvents(use.cluster.auditLog).filter((event) => event.auditID === auditId);
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({
      stage: 'ResponseComplete',
      level: 'Metadata',
      verb: 'create',
      user: { username: 'local:admin' },
      objectRef: { resource: 'configmaps', namespace: 'default', name: 'audited' },
      responseStatus: { code: 201 },
    });
  });

  it('hides no mutating request, be it of a Lease or an Event', () => {
    const written = auditEvents(use.cluster.auditLog).filter((event) => event.verb === 'create');
    const resources = new Set(written.map((event) => event.objectRef?.resource));
    expect(resources).toContain('leases');
    expect(resources).toContain('events');
  });

  it('lets a pod become ready and unready as its annotation says', async () => {
    await use.admin.create('core/pods', pod('moody', { metadata: simulate('never-ready') }));
    const at = { ...NS, name: 'moody' };
    await use.admin.waitFor('core/pods', at, (each) => each?.status?.phase === 'Running' && ready(each) === 'False', {
      why: 'the pod to run unready',
    });
    await use.admin.patch('core/pods', at, { metadata: { annotations: null } });
    await use.admin.waitFor('core/pods', at, (each) => ready(each) === 'True', { why: 'the pod to be ready' });
    await use.admin.patch('core/pods', at, { metadata: simulate('never-ready') });
    await use.admin.waitFor('core/pods', at, (each) => ready(each) === 'False', { why: 'the pod to be unready again' });
  });

  it('keeps a pod pending whose image cannot be pulled, until it is another', async () => {
    const at = { ...NS, name: 'imageless' };
    const container = { name: 'main', image: 'example.test/nothing:404' };
    await use.admin.create('core/pods', pod('imageless', { spec: { containers: [container] } }));
    const waits = (each: Pod | undefined) =>
      each?.status?.containerStatuses?.[0]?.state?.waiting?.reason === 'ErrImagePull' &&
      each.status.phase === 'Pending' &&
      ready(each) === 'False';
    await use.admin.waitFor('core/pods', at, waits, { why: 'the pod to wait for its image' });
    const made = await use.admin.get('core/pods', at);
    const containers = made?.spec?.containers.map((each) => ({ ...each, image: 'example.test/something:1' }));
    await use.admin.patch('core/pods', at, { spec: { containers } });
    await use.admin.waitFor('core/pods', at, (each) => ready(each) === 'True', { why: 'the pod to be ready' });
  });

  it('deletes a pod at once, whatever its grace', async () => {
    const at = { ...NS, name: 'leaving' };
    await use.admin.create('core/pods', pod('leaving', { spec: { terminationGracePeriodSeconds: 3600 } }));
    await use.admin.waitFor('core/pods', at, (each) => ready(each) === 'True', { why: 'the pod to be Ready' });
    await use.admin.delete('core/pods', at);
    await use.admin.waitFor('core/pods', at, (each) => each === undefined, { timeout: 5000, why: 'it to be gone' });
  });

  it('fails a deleted pod that a finalizer keeps, and lets it go with the finalizer', async () => {
    const at = { ...NS, name: 'kept' };
    await use.admin.create('core/pods', pod('kept', { metadata: { finalizers: ['example.test/kept'] } }));
    await use.admin.waitFor('core/pods', at, (each) => ready(each) === 'True', { why: 'the pod to be Ready' });
    await use.admin.delete('core/pods', at);
    const over = (each: Pod | undefined) =>
      each?.status?.phase === 'Failed' && each.metadata?.deletionGracePeriodSeconds === 0;
    await use.admin.waitFor('core/pods', at, over, { timeout: 5000, why: 'the pod to be Failed and without grace' });
    await use.admin.patch('core/pods', at, { metadata: { finalizers: null } });
    await use.admin.waitFor('core/pods', at, (each) => each === undefined, { timeout: 5000, why: 'it to be gone' });
  });

  it.each([
    { command: ['sh', '-c', 'echo done'], phase: 'Succeeded', code: 0 },
    { command: ['/bin/false'], phase: 'Failed', code: 1 },
    { command: ['sh', '-c', 'exit 42'], phase: 'Failed', code: 42 },
  ])('ends the pod of a Job as its command does: $command', async ({ command, phase, code }) => {
    const at = { ...NS, name: `job-${code}` };
    await use.admin.create('core/pods', jobPod(at.name, command));
    const ended = await use.admin.waitFor('core/pods', at, (each) => each?.status?.phase === phase, { why: phase });
    expect(ended?.status?.containerStatuses?.[0]?.state?.terminated?.exitCode).toBe(code);
  });

  it('lets pods of Jobs run on that say so', async () => {
    const images = { containers: [{ name: 'main', image: 'example.test/pause:1' }], restartPolicy: 'Never' };
    await use.admin.create('core/pods', jobPod('sleeper', ['sleep', '300']));
    await use.admin.create('core/pods', { ...jobPod('pauser', []), spec: images });
    // One after another these take longer than the last moment at which the first two would have ended.
    for (const name of ['first', 'second', 'third', 'fourth']) {
      await use.admin.create('core/pods', jobPod(`brief-${name}`, ['true']));
      const over = (each: Pod | undefined) => each?.status?.phase === 'Succeeded';
      await use.admin.waitFor('core/pods', { ...NS, name: `brief-${name}` }, over, { why: 'a brief pod to succeed' });
    }
    const phases = ['sleeper', 'pauser'].map((name) => use.admin.get('core/pods', { ...NS, name }));
    expect((await Promise.all(phases)).map((each) => each?.status?.phase)).toEqual(['Running', 'Running']);
  });

  it('takes simulated failure from an annotation, for any pod', async () => {
    const at = { ...NS, name: 'failing' };
    await use.admin.create('core/pods', pod('failing', { metadata: simulate('fail') }));
    await use.admin.waitFor('core/pods', at, (each) => each?.status?.phase === 'Failed', { why: 'the pod to fail' });
  });

  it('accepts clients of both its CAs, and nobody else as anybody', async () => {
    const { admin: root, cluster } = use;
    for (const ca of [cluster.clusterCa, cluster.comptrollerCa]) {
      const { certFile, keyFile } = await cluster.issue({ commonName: 'somebody' }, ca);
      const somebody = root.as(certFile, keyFile);
      const answer = await somebody.call('GET', '/api/v1/namespaces/default/secrets');
      expect(answer.status).toBe(403);
      expect((answer.body as { message: string }).message).toContain('User "somebody"');
      await somebody.close();
    }
    const nobody = root.as();
    expect((await nobody.call('GET', '/api/v1/namespaces/default/secrets')).body).toMatchObject({
      message: expect.stringContaining('system:anonymous'),
    });
    await nobody.close();
  });

  it('keeps data, port and audit log when its API server is killed and started again', async () => {
    const before = auditEvents(use.cluster.auditLog).length;
    const old = use.cluster.pids().get('kube-apiserver');
    await use.cluster.restartApiServer();
    expect(use.cluster.pids().get('kube-apiserver')).not.toBe(old);
    expect(await use.admin.get('core/configmaps', { ...NS, name: 'audited' })).toBeDefined();
    expect(auditEvents(use.cluster.auditLog).length).toBeGreaterThanOrEqual(before);
  });

  it('keeps data when etcd is stopped and started again, and does not answer writes meanwhile', async () => {
    const { admin: root, cluster } = use;
    const path = '/api/v1/namespaces/default/configmaps';
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'late' } };
    await cluster.stopEtcd();
    // A handler that waits for the storage is given up by the API server, or by us.
    const refused = root.call('POST', path, { body, signal: AbortSignal.timeout(2000) }).catch(() => ({ status: 0 }));
    expect([0, 500, 503, 504]).toContain((await refused).status);
    await cluster.startEtcd();
    expect(await root.get('core/configmaps', { ...NS, name: 'audited' })).toBeDefined();
  });

  it('forgets the history before a compaction: a watch from there is told so', async () => {
    const { admin: root, cluster } = use;
    const first = await root.get('core/configmaps', { ...NS, name: 'audited' });
    const path = `/api/v1/configmaps?watch=1&resourceVersion=${first?.metadata?.resourceVersion}`;
    await root.patch('core/configmaps', { ...NS, name: 'audited' }, { data: { a: 'b' } });
    expect(await cluster.compactEtcd()).toBeGreaterThan(Number(first?.metadata?.resourceVersion));
    // What the API server itself has in memory it still tells.
    await cluster.restartApiServer();
    const { body } = await root.call('GET', path, { signal: AbortSignal.timeout(5000) });
    expect(body).toMatchObject({ type: 'ERROR', object: { code: 410, reason: 'Expired' } });
  });

  it('goes back to what was kept: objects, resourceVersions, and everything at work', async () => {
    const { admin: root, cluster } = use;
    const version = async () => Number((await root.get('/api/v1/pods?limit=1'))?.metadata?.resourceVersion);
    cluster.keepStore();
    const kept = await version();
    for (let turn = 0; turn < 100; turn++)
      await root.patch('core/configmaps', { ...NS, name: 'audited' }, { data: { turn: String(turn) } });
    await root.create('core/configmaps', { metadata: { name: 'forgotten', ...NS } });
    const later = await version();
    await cluster.restoreStore();
    expect(await root.get('core/configmaps', { ...NS, name: 'forgotten' })).toBeUndefined();
    expect(await version()).toBeLessThan(later);
    expect(later - kept).toBeGreaterThan(100);
    await root.create('core/pods', pod('after'));
    await root.waitFor('core/pods', { ...NS, name: 'after' }, (each) => ready(each) === 'True', { why: 'a new pod' });
  });

  it('adds nodes while it runs, and stands beside another cluster', async () => {
    const other = await startCluster({ name: 'other', nodes: 1 });
    try {
      const client = admin(other);
      await client.create('core/namespaces', { metadata: { name: 'only-there' } });
      expect(await use.admin.get('core/namespaces', { name: 'only-there' })).toBeUndefined();
      expect(await other.addNodes(2)).toEqual(['node-2', 'node-3']);
      expect(await client.list('core/nodes')).toHaveLength(3);
      await client.close();
    } finally {
      await other.stop();
    }
    expect(existsSync(other.directory)).toBe(false);
    expect(await use.admin.list('core/nodes')).toHaveLength(4);
  });
});

interface AuditEvent {
  readonly auditID: string;
  readonly verb: string;
  readonly objectRef?: { readonly resource: string };
}

function auditEvents(file: string): readonly AuditEvent[] {
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line));
}

describe('the processes of a local cluster', () => {
  it('die with the process that started it, even by SIGKILL', async () => {
    const script = `
      import { startCluster } from ${JSON.stringify(join(ROOT, 'deploy/local/cluster.ts'))};
      const { directory, pids } = await startCluster({ name: 'orphan', nodes: 1 }).then((cluster) => ({
        directory: cluster.directory, pids: [...cluster.pids().values()] }));
      console.log(JSON.stringify({ directory, pids }));`;
    const owner = spawn(process.execPath, ['--input-type=module', '-e', script], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [said] = await owner.stdout.setEncoding('utf8').take(1).toArray();
    const { directory, pids } = JSON.parse(said) as { directory: string; pids: readonly number[] };
    expect(pids).toHaveLength(5);
    expect(pids.filter(isAlive)).toEqual(pids);
    owner.kill('SIGKILL');
    await until(() => !pids.some(isAlive) && !existsSync(directory), { timeout: 10_000, why: 'all to be gone' });
  });

  it.runIf(process.platform === 'linux')('die with their supervisor, should somebody kill that', async () => {
    const cluster = await startCluster({ name: 'headless', nodes: 1 });
    const pids = cluster.pids();
    process.kill(pids.get('supervisor') ?? 0, 'SIGKILL');
    await cluster.stopped;
    await until(() => ![...pids.values()].some(isAlive), { timeout: 10_000, why: 'all to be gone' });
    rmSync(cluster.directory, { recursive: true });
  });
});

describe('npm run cluster', () => {
  const home = mkdtempSync(join(tmpdir(), 'comptroller-state-'));
  const main = join(ROOT, 'deploy/local/main.ts');
  const environment = { ...process.env, XDG_STATE_HOME: home };
  const directory = (name: string) => join(home, 'comptroller/clusters', name);
  const run = async (...args: readonly string[]) =>
    (await promisify(execFile)(process.execPath, [main, ...args], { env: environment })).stdout;

  afterAll(async () => {
    for (const name of ['twice', 'cut']) await run('down', '--name', name);
    rmSync(home, { recursive: true, force: true });
  });

  it('starts a cluster once: a second up changes nothing', async () => {
    const options = ['--name', 'twice', '--manager', 'none', '--nodes', '1'];
    expect(await run('up', ...options)).toContain('cluster twice: ready');
    const before = await run('status', '--name', 'twice');
    expect(await run('up', ...options)).toContain('runs already; nothing was changed');
    expect(await run('status', '--name', 'twice')).toBe(before);
    expect(existsSync((await run('kubeconfig', '--name', 'twice')).trim())).toBe(true);

    const pids = [...before.matchAll(/: (\d+)$/gm)].map(([, pid]) => Number(pid));
    expect(pids).toHaveLength(6);
    expect(await run('down', '--name', 'twice')).toContain('stopped');
    expect(pids.filter(isAlive)).toEqual([]);
    expect(existsSync(directory('twice'))).toBe(false);
  });

  it('leaves nothing behind when it is interrupted', async () => {
    const command = spawn(process.execPath, [main, 'up', '--name', 'cut', '--manager', 'none'], {
      env: environment,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const said = text(command.stderr);
    const etcd = join(directory('cut'), 'etcd');
    await until(() => existsSync(etcd), { timeout: 20_000, why: 'etcd to be up', every: 5 });
    const { pid } = JSON.parse(readFileSync(join(directory('cut'), 'state.json'), 'utf8'));
    command.kill('SIGINT');
    expect(await said).toContain('interrupted');
    expect(isAlive(pid)).toBe(false);
    expect(existsSync(directory('cut'))).toBe(false);
  });

  it('cleans up after a cluster whose owner is dead', async () => {
    mkdirSync(directory('stale'), { recursive: true });
    const state = { name: 'stale', pid: process.pid, started: 'long ago', phase: 'ready', nodes: 1, manager: 'none' };
    writeFileSync(join(directory('stale'), 'state.json'), JSON.stringify(state));
    expect(await run('status')).toContain('stale: does not run');
    expect(await run('down', '--name', 'stale')).toContain('removed what it left');
    expect(existsSync(directory('stale'))).toBe(false);
    expect(isAlive(process.pid)).toBe(true);
  });
});
