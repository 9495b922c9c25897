import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cp, open, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  openTestLedger,
  someDenial,
  someIntent,
  type TestKeeper,
  temporaryDirectory,
  testKeeper,
} from '#kit/ledger.ts';
import { auditFile } from './audit-events.ts';
import { joinAudit } from './completeness.ts';
import type { JoinReport } from './completeness-report.ts';
import type { Opened } from './open.ts';
import type { Attempt, IntentDraft, OutcomeDraft } from './port.ts';
import { verifyLedger } from './verify.ts';

let directory: { path: string; remove: () => Promise<void> };
let files: string;
let keeper: TestKeeper;
let opened: Opened;
/** The audit log, in the order of its writing. */
let events: unknown[];

beforeEach(async () => {
  directory = await temporaryDirectory();
  files = mkdtempSync(join(tmpdir(), 'audit-'));
  keeper = testKeeper();
  events = [bystander('create', 'pods'), bystander('update', 'leases', 'coordination.k8s.io')];
  opened = await openTestLedger(directory.path, keeper);
  await lead();
});
afterEach(async () => {
  await opened.ledger.close('done');
  await directory.remove();
  rmSync(files, { recursive: true });
});

const EPOCH = { lease: 'lease-uid', transitions: 1, holder: 'here' };
const lead = () => opened.ledger.note({ note: 'leadership', epoch: EPOCH, won: true });

interface Seen {
  auditID: string;
  stage: string;
  verb: string;
  requestURI: string;
  user: { username: string };
  objectRef: Record<string, string>;
  responseStatus: { code: number };
  [more: string]: unknown;
}

/** What the API server writes down of an attempt. */
function event(auditID: string, more: Partial<Seen> = {}): Seen {
  const now = new Date().toISOString().replace('Z', '000Z');
  return {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'Metadata',
    auditID,
    stage: 'ResponseComplete',
    verb: 'create',
    requestURI: '/api/v1/namespaces/default/pods',
    user: { username: 'comptroller:replicaset' },
    objectRef: { resource: 'pods', namespace: 'default', name: 'web-00001', apiVersion: 'v1' },
    responseStatus: { code: 201 },
    requestReceivedTimestamp: now,
    stageTimestamp: now,
    annotations: { 'authorization.k8s.io/decision': 'allow' },
    ...more,
  };
}

function bystander(verb: string, resource: string, apiGroup?: string, namespace = 'default'): Seen {
  return event('b1c2d3e4-0000-4000-8000-000000000000', {
    verb,
    user: { username: 'system:kube-scheduler' },
    objectRef: { resource, namespace, name: 'other', ...(apiGroup !== undefined && { apiGroup }) },
  });
}

const named = (n: number): string => `web-${n.toString(36).padStart(5, '0')}`;
const ANSWERED: OutcomeDraft = { kind: 'applied', status: 201, took: 3 };

/** An attempt in the ledger; its event follows with `seen`. */
async function attempt(
  n: number,
  outcome: OutcomeDraft | undefined = ANSWERED,
  more: Partial<IntentDraft> = {},
): Promise<Attempt> {
  const recorded = await opened.ledger.intent(someIntent(n, more), 'write');
  if (!recorded.ok) throw new Error(recorded.code);
  if (outcome !== undefined) opened.ledger.outcome(recorded.value, outcome);
  return recorded.value;
}
function seen(n: number, { auditId }: Attempt, more: Partial<Seen> = {}): void {
  events.push(event(auditId, { objectRef: { resource: 'pods', namespace: 'default', name: named(n) }, ...more }));
}

async function both(n: number, more: Partial<Seen> = {}): Promise<Attempt> {
  const made = await attempt(n);
  seen(n, made, more);
  return made;
}

function auditLog(name = 'audit.log', lines: readonly unknown[] = events): string {
  const path = join(files, name);
  writeFileSync(path, lines.map((line) => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join(''));
  return path;
}

async function run(
  paths: readonly string[] = [auditLog()],
  ledgers: readonly string[] = [directory.path],
): Promise<JoinReport> {
  return joinAudit({
    directories: ledgers,
    audit: await Promise.all(paths.map(auditFile)),
    verify: ([first = '', ...others]) => verifyLedger({ directory: first, others, verifierKey: keeper.verifierKey }),
  });
}

/** After the process has ended; a bystander's event behind everything shows how far the audit log goes. */
async function joined(): Promise<JoinReport> {
  await opened.ledger.close('done');
  events.push(bystander('create', 'pods'));
  return run();
}

const codes = ({ findings }: JoinReport): string[] => findings.map(({ code }) => code);
const gaps = (report: JoinReport): string[] => report.gaps.map(({ code }) => code);

describe('I13: the join', () => {
  it('is complete when each write has exactly one attempt and each answer its event', async () => {
    await both(1);
    await both(2);
    opened.ledger.denial(someDenial(9));
    const report = await joined();
    expect(report).toMatchObject({
      verdict: 'complete',
      audit: { writes: 2, forbidden: 0, reviews: 0 },
      attempts: { total: 2, matched: 2 },
      missing: { inLedger: 0, inAudit: 0 },
      decisions: { count: 3, allowed: 2, denied: 1, p50: 16, p99: 16 },
      identities: [{ user: 'comptroller:replicaset', requests: 2, attempts: 2, matched: 2 }],
    });
    expect([...report.findings, ...report.gaps]).toEqual([]);
  });

  it('names a write that has no record, with who, what and when', async () => {
    await both(1);
    events.push(event('11111111-2222-4333-8444-555555555555', { verb: 'delete', responseStatus: { code: 200 } }));
    events.push(event('11111111-2222-4333-8444-555555555556', { responseStatus: { code: 403 } }));
    const report = await joined();
    expect(report.verdict).toBe('incomplete');
    expect(report.missing).toEqual({ inLedger: 2, inAudit: 0 });
    expect(report.findings).toMatchObject([
      {
        code: 'UNRECORDED_WRITE',
        user: 'comptroller:replicaset',
        verb: 'delete',
        resource: 'core/pods',
        namespace: 'default',
        name: 'web-00001',
        status: 200,
        at: expect.stringMatching(/^20/),
      },
      { code: 'UNRECORDED_ATTEMPT', status: 403 },
    ]);
  });

  it('names an answered attempt that has no event', async () => {
    await both(1);
    const { auditId, seq } = await attempt(2);
    const report = await joined();
    expect(report).toMatchObject({ verdict: 'incomplete', missing: { inLedger: 0, inAudit: 1 } });
    expect(report.findings).toMatchObject([
      { code: 'NOT_IN_AUDIT', user: 'comptroller:replicaset', verb: 'create', name: named(2), auditId, seq },
    ]);
  });

  it.each([
    ['verb', { verb: 'delete' }, 'verb "delete", recorded "create"'],
    ['name', { objectRef: { resource: 'pods', namespace: 'default', name: 'other' } }, 'name "other"'],
    [
      'namespace',
      { objectRef: { resource: 'pods', namespace: 'kube-system', name: named(2) } },
      'namespace "kube-system"',
    ],
    ['resource', { objectRef: { resource: 'secrets', namespace: 'default', name: named(2) } }, 'resource "secrets"'],
    [
      'group',
      { objectRef: { resource: 'pods', apiGroup: 'evil', namespace: 'default', name: named(2) } },
      'group "evil"',
    ],
    [
      'subresource',
      { objectRef: { resource: 'pods', subresource: 'exec', namespace: 'default', name: named(2) } },
      'subresource "exec"',
    ],
  ] as const)('sees another %s under the same Audit-ID', async (_, more, says) => {
    await both(1);
    await both(2, more as Partial<Seen>);
    const report = await joined();
    expect(report.verdict).toBe('incomplete');
    expect(report.findings).toMatchObject([{ code: 'DISAGREES', says: expect.stringContaining(says) }]);
  });

  it('lets an event without a name or with its own namespace pass, and no more', async () => {
    await both(1, { objectRef: { resource: 'pods', namespace: 'default' } });
    const request = {
      ...someIntent(3).request,
      verb: 'update' as const,
      target: { resource: 'core/namespaces' as const, name: 'shop', subresource: 'finalize' },
    };
    const made = await attempt(3, { kind: 'applied', status: 200, took: 1 }, { request });
    const objectRef = { resource: 'namespaces', namespace: 'shop', name: 'shop', subresource: 'finalize' };
    seen(3, made, { verb: 'update', objectRef, responseStatus: { code: 200 } });
    expect(await joined()).toMatchObject({ verdict: 'complete', attempts: { matched: 2 } });
  });

  it('sees the Audit-ID of a record in the hands of another user, or under impersonation', async () => {
    const first = await both(1);
    const second = await attempt(2);
    seen(2, second, { user: { username: 'system:admin' } });
    seen(1, first, { user: { username: 'system:admin' }, impersonatedUser: { username: 'comptroller:replicaset' } });
    const report = await joined();
    expect(codes(report).sort()).toEqual(['FOREIGN_USER', 'FOREIGN_USER', 'NOT_IN_AUDIT']);
    expect(report.findings.map(({ says }) => says).join('\n')).toContain('system:admin as comptroller:replicaset');
  });

  it('counts what somebody does as one of ours, without any Audit-ID of ours', async () => {
    await both(1);
    events.push(event('x', { user: { username: 'root' }, impersonatedUser: { username: 'comptroller:replicaset' } }));
    expect(codes(await joined())).toEqual(['UNRECORDED_WRITE']);
  });

  it('takes one event for a record and no second, whoever sends it', async () => {
    const made = await both(1);
    seen(1, made);
    const report = await joined();
    expect(codes(report)).toEqual(['ANSWERED_TWICE']);
    expect(report.attempts.matched).toBe(1);
  });

  it('compares the answer', async () => {
    await both(1, { responseStatus: { code: 409 } });
    const conflict = await attempt(2, { kind: 'conflict', code: 'API_CONFLICT', status: 409, took: 1 });
    seen(2, conflict, { responseStatus: { code: 409 } });
    const report = await joined();
    expect(report.findings).toMatchObject([{ code: 'OTHER_CODE', says: 'answered 409, recorded 201' }]);
  });

  it('wants no event of what was not sent, and none may be there', async () => {
    await both(1);
    await attempt(2, { kind: 'fenced', code: 'GATE_FENCED', took: 0 });
    expect(await joined()).toMatchObject({ verdict: 'complete', attempts: { total: 2, silent: 1 } });
    const unsent = await openAgain((epoch) =>
      attempt(3, { kind: 'unsent', code: 'API_UNAVAILABLE', took: 0 }, { epoch }),
    );
    seen(3, unsent);
    expect(codes(await joined())).toEqual(['NOT_SENT']);
  });

  it('closes what the ledger leaves open', async () => {
    await both(1);
    seen(2, await attempt(2, { kind: 'unknown', code: 'API_UNKNOWN', took: 9 }));
    seen(3, await attempt(3, { kind: 'unknown', code: 'API_UNKNOWN', status: 504, took: 9 }), {
      responseStatus: { code: 409 },
    });
    await attempt(4, { kind: 'unknown', code: 'API_UNKNOWN', took: 9 });
    await opened.ledger.intent(someIntent(5), 'write');
    const report = await joined();
    expect(report).toMatchObject({
      verdict: 'complete',
      attempts: { total: 5, matched: 3, closed: { done: 1, refused: 1, undecided: 0, neverArrived: 2 } },
    });
  });

  it.each([
    ['applied', 409, 'RESOLVED_WRONG'],
    ['applied', undefined, 'NOT_IN_AUDIT'],
    ['not-applied', 201, 'RESOLVED_WRONG'],
    ['applied', 201, undefined],
    ['not-applied', 409, undefined],
    // A create whose client was killed: the handler answers 504, and the object is there.
    ['applied', 504, undefined],
    ['not-applied', 504, undefined],
    ['not-applied', undefined, undefined],
    ['unknown', 201, undefined],
  ] as const)('holds recovery to it: %s, answered %s', async (as, code, wanted) => {
    await both(1);
    const lost = await attempt(2, { kind: 'unknown', code: 'API_UNKNOWN', took: 9 });
    if (code !== undefined) seen(2, lost, { responseStatus: { code } });
    await opened.ledger.note({ note: 'resolved', auditId: lost.auditId, as, how: 'looked' });
    expect(codes(await joined())).toEqual(wanted === undefined ? [] : [wanted]);
  });

  it('takes a deletion of what is gone already for applied', async () => {
    await both(1);
    const request = { ...someIntent(2).request, verb: 'delete' as const, method: 'DELETE' as const };
    const lost = await attempt(2, { kind: 'unknown', code: 'API_UNKNOWN', took: 9 }, { request });
    const never = await attempt(3, { kind: 'unknown', code: 'API_UNKNOWN', took: 9 }, { request });
    seen(2, lost, { verb: 'delete', responseStatus: { code: 404 } });
    for (const { auditId } of [lost, never])
      await opened.ledger.note({ note: 'resolved', auditId, as: 'applied', how: 'the object is gone' });
    expect(await joined()).toMatchObject({ findings: [], gaps: [] });
  });

  it('passes over reviews, dry runs and other stages, and not over what hides behind them', async () => {
    await both(1);
    const group = 'authorization.k8s.io';
    const review = { resource: 'subjectaccessreviews', apiGroup: group };
    events.push(event('r', { user: { username: 'comptroller:authn' }, objectRef: review }));
    events.push(event('s', { stage: 'RequestReceived' }));
    events.push(event('d', { requestURI: '/api/v1/namespaces/default/pods?dryRun=All' }));
    const report = await joined();
    expect(report).toMatchObject({ verdict: 'complete', audit: { reviews: 2 } });
    const pod = { resource: 'pods', namespace: 'default', name: 'web-1' };
    for (const more of [
      { verb: 'delete', requestURI: '/api/v1/namespaces/default/pods/web-1?dryRun=All' },
      { requestURI: '/x?dryRun=All&dryRun=' },
      { requestURI: '/x?y=dryRun=All' },
      { requestURI: '/x?dryRun=All', objectRef: { ...pod, subresource: 'exec' } },
      { objectRef: { resource: 'subjectaccessreviews', apiGroup: 'evil' } },
      { objectRef: { ...review, subresource: 'x' } },
      { stage: 'Panic', responseStatus: { code: 500 } },
    ]) {
      const lines = [...events, event('e', more)];
      expect((await run([auditLog('more.log', lines)])).missing, JSON.stringify(more)).toMatchObject({ inLedger: 1 });
    }
  });

  it('counts what RBAC refused, of any verb', async () => {
    await both(1);
    const annotations = { 'authorization.k8s.io/decision': 'forbid' };
    events.push(event('g', { verb: 'get', responseStatus: { code: 403 }, annotations }));
    events.push(event('h', { user: { username: 'somebody' }, responseStatus: { code: 403 }, annotations }));
    expect(await joined()).toMatchObject({ verdict: 'complete', audit: { forbidden: 1 } });
  });

  it('lets answers pass that the API server gives before it audits', async () => {
    await both(1);
    await attempt(2, { kind: 'failed', code: 'API_THROTTLED', status: 429, took: 1 });
    await attempt(3, { kind: 'failed', code: 'API_UNAUTHORIZED', status: 401, took: 1 });
    expect(await joined()).toMatchObject({ verdict: 'complete', attempts: { refusedEarly: 2 } });
  });

  it('is not fooled by hostile names', async () => {
    for (const [n, name] of ['constructor', '__proto__', 'toString'].entries()) {
      const request = { ...someIntent(n).request, target: { resource: 'core/pods' as const, namespace: name, name } };
      seen(n, await attempt(n, ANSWERED, { request }), { objectRef: { resource: 'pods', namespace: name, name } });
    }
    events.push('{"kind":"Event","apiVersion":"audit.k8s.io/v1","__proto__":{"auditID":"x"},"user":{"__proto__":1}}');
    events.push(event('p', { user: { username: '__proto__' }, objectRef: { resource: 'constructor' } }));
    expect(await joined()).toMatchObject({ verdict: 'complete', attempts: { matched: 3 } });
  });
});

/** Another process on the same ledger. */
async function openAgain<T>(then: (epoch: typeof EPOCH) => Promise<T>): Promise<T> {
  await opened.ledger.close('done');
  opened = await openTestLedger(directory.path, keeper);
  const epoch = { ...EPOCH, transitions: 2 };
  await opened.ledger.note({ note: 'leadership', epoch, won: true });
  return then(epoch);
}

describe('what cannot be decided', () => {
  it('reports a kind that the audit policy hides, and never passes', async () => {
    await both(1);
    const target = { resource: 'coordination.k8s.io/leases' as const, namespace: 'kube-system', name: 'leader' };
    const request = { ...someIntent(2).request, class: 'lease' as const, verb: 'update' as const, target };
    const lease = await attempt(2, { kind: 'applied', status: 200, took: 1 }, { request });
    const objectRef = { resource: 'leases', apiGroup: 'coordination.k8s.io', namespace: 'kube-system', name: 'leader' };
    events = events.filter((line) => !JSON.stringify(line).includes('leases'));
    const report = await joined();
    expect(report).toMatchObject({ verdict: 'undecided', findings: [], gaps: [{ code: 'HIDDEN', count: 1 }] });
    expect(report.gaps[0]?.says).toBe(
      'the audit log holds no leases: the audit policy hides them, or they were removed',
    );

    // Somebody else's lease is there: the policy does not hide leases, so this one was removed.
    events.push(bystander('update', 'leases', 'coordination.k8s.io', 'kube-system'));
    events.push(event('get', { verb: 'get' }));
    const shown = await run();
    expect([shown.verdict, ...codes(shown)]).toEqual(['incomplete', 'NOT_IN_AUDIT']);
    seen(2, lease, { verb: 'update', objectRef, responseStatus: { code: 200 } });
    expect((await run()).verdict).toBe('complete');
  });

  it('reports an identity of which there is no event at all', async () => {
    await both(1);
    await attempt(2, ANSWERED, { user: 'comptroller:serviceaccount' });
    const report = await joined();
    expect([report.verdict, ...gaps(report)]).toEqual(['undecided', 'HIDDEN']);
    expect(report.gaps[0]?.says).toContain('nothing of the user comptroller:serviceaccount');
  });

  it('reports a time that the audit log does not cover', async () => {
    const early = await attempt(1);
    await new Promise((resume) => setImmediate(resume));
    await both(2);
    await opened.ledger.close('done');
    const late = {
      requestReceivedTimestamp: '2999-01-01T00:00:00.000000Z',
      stageTimestamp: '2999-01-01T00:00:01.000000Z',
    };
    const future = events
      .filter((line) => JSON.stringify(line).includes(named(2)))
      .map((line) => ({ ...(line as Seen), ...late }));
    const before = await run([auditLog('later.log', future)]);
    expect([before.verdict, ...gaps(before)]).toEqual(['undecided', 'BEFORE']);
    expect(early.seq).toBeGreaterThan(0);
    const past = {
      requestReceivedTimestamp: '2001-01-01T00:00:00.000000Z',
      stageTimestamp: '2001-01-01T00:00:01.000000Z',
    };
    const old = future.map((line) => ({ ...line, ...past }));
    const after = await run([auditLog('earlier.log', old)]);
    expect([after.verdict, ...gaps(after)]).toEqual(['undecided', 'AFTER']);
  });

  it('says when the audit log has nothing to do with the ledger', async () => {
    await attempt(1);
    const report = await joined();
    expect([report.verdict, ...gaps(report)]).toEqual(['undecided', 'NOTHING']);
  });

  it('reports malformed lines, a cut end and a cut archive', async () => {
    await both(1);
    await opened.ledger.close('done');
    events.splice(1, 0, '{"kind":"Event"', '[]', '{"kind":"Status"}');
    events.push(bystander('create', 'pods'));
    const broken = await run();
    expect(broken).toMatchObject({ verdict: 'undecided', audit: { files: [{ malformed: 3, firstMalformed: 2 }] } });
    const good = events
      .filter((line) => typeof line !== 'string')
      .map((line) => `${JSON.stringify(line)}\n`)
      .join('');
    const write = (name: string, bytes: string | Buffer): string => {
      writeFileSync(join(files, name), bytes);
      return join(files, name);
    };
    const torn = await run([write('torn.log', `${good}{"kind":"Ev`)]);
    expect([torn.verdict, ...gaps(torn)]).toEqual(['undecided', 'TORN']);
    const unended = await run([write('unended.log', good.trimEnd())]);
    expect(unended.verdict).toBe('complete');
    const zipped = gzipSync(good);
    expect((await run([write('audit.log.gz', zipped)])).verdict).toBe('complete');
    const cut = await run([write('cut.gz', zipped.subarray(0, zipped.length - 12))]);
    expect([cut.verdict, ...gaps(cut)]).toContain('TORN');
    expect(cut.verdict).not.toBe('complete');
  });

  it('reads rotated files in any order', async () => {
    for (let n = 1; n <= 6; n += 1) await both(n);
    await opened.ledger.close('done');
    const [first, second] = [events.slice(0, 4), events.slice(4)];
    const report = await run([auditLog('audit.log', second), auditLog('audit-1.log', first)]);
    expect(report).toMatchObject({ verdict: 'complete', attempts: { matched: 6 }, audit: { files: [{}, {}] } });
  });

  it('follows a ledger that grows while the audit log is read', async () => {
    await both(1);
    const path = auditLog();
    const source = await auditFile(path);
    const report = await joinAudit({
      directories: [directory.path],
      audit: [
        {
          name: path,
          stream: async () => {
            await both(2);
            auditLog();
            return source.stream();
          },
        },
      ],
      verify: (all) => verifyLedger({ directory: all[0] as string, verifierKey: keeper.verifierKey }),
    });
    expect(report).toMatchObject({ verdict: 'complete', attempts: { total: 2, matched: 2 } });
  });
});

describe('a ledger that was touched', () => {
  it('is incomplete when it does not verify', async () => {
    await both(1);
    await joined();
    const copy = join(files, 'copy');
    await cp(directory.path, copy, { recursive: true });
    const bundle = (await readdir(copy, { recursive: true })).find((name) => name.includes('tile/entries/')) as string;
    const entries = (await readdir(copy, { recursive: true })).filter(
      (name) => /tile\/entries\/.*\d$/.test(name) && !name.endsWith('.p'),
    );
    expect(bundle).toBeDefined();
    const file = await open(join(copy, entries.at(-1) as string), 'r+');
    const { buffer, bytesRead } = await file.read(Buffer.alloc(65_536), 0, 65_536, 0);
    const at = buffer.subarray(0, bytesRead).indexOf('scale-up');
    await file.write(Buffer.from('scale-op'), 0, 8, at);
    await file.close();
    const report = await run([auditLog()], [copy]);
    expect(report.verdict).toBe('incomplete');
    expect(codes(report)).toContain('LEDGER_BROKEN');
    // The API server's own log commits to every record: the altered one is named by its Audit-ID as well.
    expect(codes(report)).toContain('DISAGREES');
  });

  it('misses what a rolled-back copy lost', async () => {
    await both(1);
    await opened.ledger.close('done');
    const copy = join(files, 'copy');
    await cp(directory.path, copy, { recursive: true });
    opened = await openTestLedger(directory.path, keeper);
    await opened.ledger.note({ note: 'leadership', epoch: { ...EPOCH, transitions: 2 }, won: true });
    await both(2);
    await opened.ledger.close('done');
    const report = await run([auditLog()], [copy]);
    expect(codes(report)).toEqual(['UNRECORDED_WRITE']);
    expect(report.findings[0]?.says).toMatch(/it names the log [a-z0-9]{10}, which is not among those given/);
  });

  it('tells the first findings and counts them all', async () => {
    await both(1);
    for (let n = 0; n < 30; n += 1) events.push(event(`thief-${n}`));
    await opened.ledger.close('done');
    const report = await joinAudit({
      directories: [directory.path],
      audit: [await auditFile(auditLog())],
      cap: 5,
      verify: async () => ({ verdict: 'ok', findings: [] }),
    });
    expect(report.findings).toHaveLength(5);
    expect(report).toMatchObject({ counts: { UNRECORDED_WRITE: 30 }, missing: { inLedger: 30 } });
  });

  it('is incomplete with a ledger that is broken for no told reason', async () => {
    await both(1);
    await opened.ledger.close('done');
    const report = await joinAudit({
      directories: [directory.path],
      audit: [await auditFile(auditLog())],
      verify: async () => ({ verdict: 'broken', findings: [] }),
    });
    expect([report.verdict, ...codes(report)]).toEqual(['incomplete', 'LEDGER_BROKEN']);
  });
});
