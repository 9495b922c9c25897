/** I13 on real control planes: the ledger against the API server's own audit log, by the command that auditors run. */
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Admin, admin } from '#kit/admin.ts';
import { SHORT_LEASE } from '#kit/manager.ts';
import { until } from '#kit/wait.ts';
import type { JoinReport } from '#ledger/completeness-report.ts';
import type { VerifyReport } from '#ledger/verify-report.ts';
import { startCluster } from '#local/cluster.ts';
import type { LocalCluster } from '#local/local-cluster.ts';
import { type Installation, install, type RunningManager, startManager } from '#local/manager.ts';
import { replicaSet } from '../demo/objects.ts';

const ROOT = join(import.meta.dirname, '../..');
const scratch = mkdtempSync(join(tmpdir(), 'ledger-join-'));
afterAll(() => rmSync(scratch, { recursive: true }));

interface Ran<Report> {
  readonly exit: number;
  readonly report: Report;
  readonly said: string;
}

/** The real command in a process of its own. */
async function ledger<Report>(...args: readonly string[]): Promise<Ran<Report>> {
  const ran = await promisify(execFile)(process.execPath, [join(ROOT, 'src/cli/main.ts'), 'ledger', ...args], {
    maxBuffer: 64 * 1024 * 1024,
  }).then(
    ({ stdout, stderr }) => ({ exit: 0, stdout, stderr }),
    ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({ exit: code, stdout, stderr }),
  );
  const json = args.includes('json');
  if (json && !ran.stdout.startsWith('{')) throw new Error(`running ledger ${args.join(' ')}: ${ran.stderr}`);
  return {
    exit: ran.exit,
    report: (json ? JSON.parse(ran.stdout) : undefined) as Report,
    said: ran.stdout + ran.stderr,
  };
}

function completeness(directory: string, ...files: readonly string[]): Promise<Ran<JoinReport>> {
  return ledger<JoinReport>('completeness', '-o', 'json', '--dir', directory, '--apiserver-audit', ...files);
}

interface AuditLine {
  readonly auditID: string;
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: { readonly resource?: string; readonly name?: string };
}

/** Counted here with nothing of the join's own in between. */
function ourWrites({ auditLog }: LocalCluster): readonly AuditLine[] {
  return readFileSync(auditLog, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as AuditLine)
    .filter(({ user, verb }) => user.username.startsWith('comptroller:') && /create|update|patch|delete/.test(verb))
    .filter(({ objectRef }) => objectRef?.resource?.endsWith('reviews') !== true);
}

async function pods(person: Admin, name: string, count: number): Promise<void> {
  await person.waitFor('apps/replicasets', { namespace: 'shop', name }, (set) => set?.status?.readyReplicas === count, {
    timeout: 90_000,
    why: `${count} ready pods of ${name}`,
  });
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);

describe('on a cluster that is audited whole', () => {
  let cluster: LocalCluster;
  let person: Admin;
  let at: Installation;
  let manager: RunningManager;

  beforeAll(async () => {
    cluster = await startCluster({ name: 'join', nodes: 4 });
    person = admin(cluster);
    at = await install(cluster);
    manager = await startManager(cluster, at, { flags: SHORT_LEASE });
    await person.create('core/namespaces', { metadata: { name: 'shop' } });
    await person.create('apps/replicasets', replicaSet('shop', 'web', 40));
    await pods(person, 'web', 40);
    await person.patch('apps/replicasets', { namespace: 'shop', name: 'web' }, { spec: { replicas: 15 } });
    await pods(person, 'web', 15);
    await person.create('apps/replicasets', replicaSet('shop', 'miner', 2, { securityContext: { privileged: true } }));
    await person.waitFor(
      'apps/replicasets',
      { namespace: 'shop', name: 'miner' },
      (set) => set?.status?.conditions?.some(({ type }) => type === 'ReplicaFailure') === true,
      { why: 'the refusal' },
    );
  });
  afterAll(async () => {
    await person?.close();
    await cluster?.stop();
  });

  test('a busy run joins while it goes on', async () => {
    // A request on its way at the end of the log is one that this audit log cannot close: look again then.
    const join = async (): Promise<Ran<JoinReport> | undefined> => {
      const ran = await completeness(manager.ledgerDir, cluster.auditLog);
      expect(ran.report.findings).toEqual([]);
      return ran.exit === 0 ? ran : undefined;
    };
    const { report } = await until(join, { timeout: 30_000, why: 'a moment without a request on its way' });
    expect(report.verdict).toBe('complete');
    expect(report.attempts.matched).toBeGreaterThan(60);
  });

  test('ledger why says which rule refused what, how often, since when and under which bundle', async () => {
    const { exit, said } = await ledger('why', 'replicaset', 'shop/miner', '--dir', manager.ledgerDir);
    expect(exit).toBe(0);
    expect(said).toMatch(/replicaset may not create core\/pods in shop \(scale-up, for ReplicaSet\/shop\/miner\)/);
    expect(said).toMatch(/rule +pod-security-baseline\/privileged: Containers must not be privileged\./);
    expect(said).toMatch(/policy +bundle version \d+, digest [0-9a-f]{64}/);
    expect(said).toMatch(/when +once, at 20|when +\d+ times, from 20/);
    expect(said).toContain('it stands');
  });

  test('a run that was killed in the middle, and its successor, join complete', async () => {
    // Several at once: each alone has moments in which none of its writes is under way.
    for (const [name, replicas] of Object.entries({ api: 150, 'more-1': 120, 'more-2': 120 }))
      await person.create('apps/replicasets', replicaSet('shop', name, replicas));
    await person.waitForAll('core/pods', { namespace: 'shop', selector: 'app=api' }, (found) => found.length >= 40, {
      why: 'a part of the scale-up',
    });
    await manager.kill('SIGKILL');
    const killed = await ledger<VerifyReport>('verify', '-o', 'json', '--dir', manager.ledgerDir);
    expect(killed.exit).toBe(0);
    const open = sum(killed.report.logs.map((log) => (log as { open?: number }).open ?? 0));
    expect(open).toBeGreaterThan(0);
    manager = await startManager(cluster, at, { flags: SHORT_LEASE });
    await pods(person, 'api', 150);
    await manager.kill('SIGTERM');

    const { exit, report } = await completeness(manager.ledgerDir, cluster.auditLog);
    expect(report).toMatchObject({ verdict: 'complete', findings: [], gaps: [], ledger: { verdict: 'ok' } });
    expect(exit).toBe(0);
    const counted = ourWrites(cluster);
    expect(report.audit.writes).toBe(counted.length);
    expect(report.attempts.matched).toBe(counted.length);
    expect(sum(report.identities.map(({ matched }) => matched))).toBe(counted.length);
    expect(new Set(counted.map(({ auditID }) => auditID)).size).toBe(counted.length);
    expect(counted.some(({ objectRef }) => objectRef?.resource === 'leases')).toBe(true);
    const { total, silent, closed } = report.attempts;
    expect(total - silent - closed.neverArrived).toBe(counted.length);
    // What was on its way at the kill: how much of it the API server still did is up to the moment.
    expect(closed.done + closed.refused + closed.undecided + closed.neverArrived).toBeGreaterThanOrEqual(open);
    expect(report.audit.forbidden).toBe(0);
    expect(report.decisions.denied).toBeGreaterThan(0);
    expect(report.decisions.p99).toBeGreaterThanOrEqual(report.decisions.p50 ?? Number.POSITIVE_INFINITY);
  });

  /** Of the record that a pod is made by: others name it too, and what they say was never sent. */
  const MADE = '"method":"POST","name":"web-';

  test('one altered byte of one record is reported, by the tree and by the API server', async () => {
    const copy = join(scratch, 'altered');
    cpSync(manager.ledgerDir, copy, { recursive: true });
    const bundles = readdirSync(copy, { recursive: true, encoding: 'utf8' }).filter((name) =>
      /tile\/entries\/\d{3}$/.test(name),
    );
    const path = bundles.map((name) => join(copy, name)).find((name) => readFileSync(name).includes(MADE));
    const bytes = readFileSync(path ?? '');
    bytes[bytes.indexOf(MADE) + MADE.indexOf('web-') + 1] = 'v'.charCodeAt(0);
    writeFileSync(path ?? '', bytes);
    const { exit, report } = await completeness(copy, cluster.auditLog);
    expect([exit, report.verdict, report.ledger.verdict]).toEqual([1, 'incomplete', 'broken']);
    expect(report.counts.LEDGER_BROKEN).toBeGreaterThan(0);
    expect(report.findings.find(({ code }) => code === 'DISAGREES')).toMatchObject({
      says: expect.stringContaining('names a record of other content'),
      name: expect.stringMatching(/^web-/),
    });
  });

  test('an event that was cut out of the audit log is reported', async () => {
    const lines = readFileSync(cluster.auditLog, 'utf8').trimEnd().split('\n');
    const victim = ourWrites(cluster).find(
      ({ verb, objectRef }) => verb === 'delete' && objectRef?.resource === 'pods',
    );
    const path = join(scratch, 'cut.log');
    writeFileSync(path, `${lines.filter((line) => !line.includes(victim?.auditID ?? 'none')).join('\n')}\n`);
    const { exit, report } = await completeness(manager.ledgerDir, path);
    expect([exit, report.verdict]).toEqual([1, 'incomplete']);
    expect(report.findings).toMatchObject([
      { code: 'NOT_IN_AUDIT', auditId: victim?.auditID, verb: 'delete', name: victim?.objectRef?.name },
    ]);
  });

  test('a stolen certificate is named, also when it carries the Audit-ID of a record', async () => {
    const stolen = await cluster.issue(
      { commonName: 'comptroller:replicaset', organizations: ['comptroller:replicaset:g1', 'comptroller:controllers'] },
      cluster.comptrollerCa,
    );
    const thief = person.as(stolen.certFile, stolen.keyFile);
    const [first, second] = await person.list('core/pods', { namespace: 'shop', selector: 'app=web' });
    const known = ourWrites(cluster).find(({ verb, objectRef }) => verb === 'create' && objectRef?.resource === 'pods');
    const headers = { 'Audit-ID': known?.auditID ?? '' };
    await thief.delete('core/pods', { namespace: 'shop', name: first?.metadata?.name ?? '' });
    await thief.delete('core/pods', { namespace: 'shop', name: second?.metadata?.name ?? '' }, {}, { headers });
    await expect(thief.get('core/secrets', { namespace: 'shop', name: 'token' })).rejects.toThrow(/403/);
    await thief.close();
    const { exit, report } = await completeness(manager.ledgerDir, cluster.auditLog);
    expect([exit, report.verdict]).toEqual([1, 'incomplete']);
    expect(report.counts).toEqual({ UNRECORDED_WRITE: 1, DISAGREES: 1 });
    expect(report.audit.forbidden).toBe(1);
    expect(report.missing).toEqual({ inLedger: 1, inAudit: 0 });
    expect(report.findings).toMatchObject([
      { code: 'UNRECORDED_WRITE', user: 'comptroller:replicaset', verb: 'delete', name: first?.metadata?.name },
      { code: 'DISAGREES', verb: 'delete', name: second?.metadata?.name, auditId: known?.auditID },
    ]);
  });
});

/** The shipped policy with one rule before it: nothing of Leases. */
function withoutLeases(): string {
  const shipped = readFileSync(join(ROOT, 'deploy/audit-policy.yaml'), 'utf8');
  const rule = '  - level: None\n    resources: [{ group: coordination.k8s.io, resources: [leases] }]\n';
  const path = join(scratch, 'audit-policy.yaml');
  writeFileSync(path, shipped.replace('rules:\n', `rules:\n${rule}`));
  return path;
}

describe('on a cluster whose audit policy hides leases', () => {
  let cluster: LocalCluster;
  let manager: RunningManager;

  beforeAll(async () => {
    cluster = await startCluster({ name: 'join-blind', nodes: 1, auditPolicyFile: withoutLeases() });
    manager = await startManager(cluster, await install(cluster));
    await manager.kill('SIGTERM');
  });
  afterAll(() => cluster?.stop());

  test('the join reports the gap and never passes', async () => {
    const { exit, report } = await completeness(manager.ledgerDir, cluster.auditLog);
    expect([exit, report.verdict, report.findings]).toEqual([2, 'undecided', []]);
    expect(report.gaps).toMatchObject([
      { code: 'HIDDEN', says: 'the audit log holds no leases: the audit policy hides them, or they were removed' },
    ]);
    expect(report.gaps[0]?.count).toBeGreaterThan(0);
    expect(report.attempts.matched).toBeGreaterThan(0);
  });
});
