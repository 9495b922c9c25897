import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  openTestLedger,
  someDenial,
  someIntent,
  type TestKeeper,
  temporaryDirectory,
  testKeeper,
} from '#kit/ledger.ts';
import { parseAuditId } from './checkpoint.ts';
import { parseObject } from './object-pattern.ts';
import type { Opened } from './open.ts';
import type { Attempt, DenialDraft, IntentDraft, OutcomeDraft } from './port.ts';
import { type Filter, outcomeOf, Query, type Row } from './query.ts';
import { recordAt, recordsOf, viewLogs } from './records-view.ts';
import { why } from './why.ts';
import { whyRecord } from './why-record.ts';

let directory: { path: string; remove: () => Promise<void> };
let keeper: TestKeeper;
let opened: Opened;

beforeEach(async () => {
  directory = await temporaryDirectory();
  keeper = testKeeper();
  opened = await openTestLedger(directory.path, keeper);
});
afterEach(async () => {
  await opened.ledger.close('done');
  await directory.remove();
});

async function attempt(n: number, outcome?: OutcomeDraft, more: Partial<IntentDraft> = {}): Promise<Attempt> {
  const recorded = await opened.ledger.intent(someIntent(n, more), 'write');
  if (!recorded.ok) throw new Error(recorded.code);
  if (outcome !== undefined) opened.ledger.outcome(recorded.value, outcome);
  return recorded.value;
}
const APPLIED: OutcomeDraft = { kind: 'applied', status: 201, uid: 'pod-uid', took: 3 };

/** The first is durable before the others are counted. */
async function repeatedly(denial: DenialDraft, times: number): Promise<void> {
  opened.ledger.denial(denial);
  await opened.ledger.note({ note: 'clock-jump', by: 1 });
  for (let n = 1; n < times; n += 1) opened.ledger.denial(denial);
}

/** Another process on the same directory. */
async function restart(): Promise<void> {
  await opened.ledger.close('done');
  opened = await openTestLedger(directory.path, keeper);
}

async function rows(filter: Filter = {}): Promise<Row[]> {
  const found: Row[] = [];
  for await (const row of new Query(await viewLogs([directory.path]), filter).rows()) found.push(row);
  return found;
}
const told = (found: readonly Row[]): string[] =>
  found.map((row) => `${row.leaf.type} ${row.leaf.seq} ${outcomeOf(row)}`);

describe('query', () => {
  it('pairs intents with outcomes, in their order, whichever answer came first', async () => {
    const slow = await attempt(1);
    await attempt(2, APPLIED);
    opened.ledger.outcome(slow, { kind: 'conflict', code: 'API_CONFLICT', status: 409, took: 9 });
    await attempt(3);
    opened.ledger.denial(someDenial(4));
    await opened.ledger.close('done');
    const found = await rows();
    expect(found.map(outcomeOf)).toEqual(['conflict', 'applied', 'open', 'denied']);
    expect(found.map(({ leaf }) => leaf.seq)).toEqual(found.map(({ leaf }) => leaf.seq).toSorted((a, b) => a - b));
    expect(parseAuditId(found[0]?.auditId ?? '')?.seq).toBe(slow.seq);
  });

  it('takes what a later process found out for the outcome', async () => {
    const lost = await attempt(1);
    const never = await attempt(2, { kind: 'unknown', code: 'API_UNKNOWN', took: 9 });
    const unclear = await attempt(3);
    await restart();
    const say = (auditId: string, as: 'applied' | 'not-applied' | 'unknown') =>
      opened.ledger.note({ note: 'resolved', auditId, as, how: 'looked' });
    await say(lost.auditId, 'applied');
    await say(never.auditId, 'not-applied');
    await say(unclear.auditId, 'unknown');
    expect((await rows()).map(outcomeOf)).toEqual(['applied', 'not-applied', 'open']);
    expect(await rows({ outcome: 'applied' })).toHaveLength(1);
  });

  it('filters by everything it offers', async () => {
    await attempt(1, APPLIED);
    await attempt(2, { kind: 'conflict', code: 'API_CONFLICT', status: 409, took: 1 }, { user: 'somebody' });
    const request = { ...someIntent(3).request, verb: 'delete' as const };
    await attempt(3, APPLIED, {
      controller: 'other',
      request: { ...request, target: { ...request.target, namespace: 'shop', uid: 'u3' } },
    });
    await repeatedly(someDenial(4), 2);
    await opened.ledger.close('done');
    const all = await rows();
    expect(told(all)).toHaveLength(5);
    const counts: [Filter, number][] = [
      [{ controller: 'other' }, 1],
      [{ controller: 'constructor' }, 0],
      [{ user: 'somebody' }, 1],
      [{ namespace: 'default' }, 3],
      [{ verb: 'delete' }, 1],
      [{ uid: 'u3' }, 1],
      [{ decision: 'allow' }, 3],
      [{ decision: 'deny' }, 2],
      [{ outcome: 'denied' }, 2],
      [{ outcome: 'applied' }, 2],
      [{ code: 'API_CONFLICT' }, 1],
      [{ code: 'GATE_POLICY_DENIED' }, 2],
      [{ rule: 'pod-security-baseline/privileged' }, 1],
      [{ object: parseObject('pod/default/web-00001') }, 1],
      [{ object: parseObject('pods/shop/web-00001') }, 0],
      [{ cause: parseObject('rs/default/web') }, 4],
      [{ types: ['start', 'stop'] }, 2],
      [{ since: all[2]?.leaf.time ?? '', types: ['denial'] }, 1],
      [{ until: all[0]?.leaf.time ?? '' }, 0],
      [{ since: '2999-01-01T00:00:00.000Z' }, 0],
    ];
    for (const [filter, count] of counts) expect(await rows(filter), JSON.stringify(filter)).toHaveLength(count);
  });

  it('says of which logs at which size it is', async () => {
    await attempt(1, APPLIED);
    await restart();
    const query = new Query(await viewLogs([directory.path]), {});
    for await (const _ of query.rows());
    expect(query.read).toHaveLength(2);
    expect(query.read[0]).toMatchObject({
      malformed: 0,
      origin: expect.stringMatching(/^comptroller.dev\/ledger\/test\//),
    });
    expect(query.read[0]?.size).toBe(query.read[0]?.read);
  });
});

describe('reading', () => {
  it('sees records behind the checkpoint, and one by its number', async () => {
    await attempt(1, APPLIED);
    const { seq } = await attempt(2);
    const [log] = await viewLogs([directory.path]);
    const path = log?.path ?? '';
    const seen: number[] = [];
    for await (const record of recordsOf({ path })) seen.push(record.seq);
    expect(seen).toEqual(seen.map((_, at) => at));
    expect(seen.at(-1)).toBeGreaterThanOrEqual(seq);
    expect((await recordAt(path, seq))?.toString()).toContain(`"seq":${seq},`);
    expect(await recordAt(path, seq + 100)).toBeUndefined();
  });

  it('follows a log whose segments and tiles are replaced under it', async () => {
    const total = 3000;
    const write = async (): Promise<void> => {
      for (let n = 0; n < total; n += 100)
        await Promise.all(Array.from({ length: 100 }, (_, at) => attempt(n + at, APPLIED)));
      await opened.ledger.close('done');
    };
    let written = false;
    const writing = write().then(() => {
      written = true;
    });
    const [log] = await viewLogs([directory.path]);
    let next = 0;
    for (let ended = false; !ended; ) {
      ended = written;
      for await (const { seq } of recordsOf({ path: log?.path ?? '' }, next)) {
        expect(seq).toBe(next);
        next += 1;
      }
      await new Promise((resume) => setImmediate(resume));
    }
    await writing;
    expect(next).toBe(2 * total + 2);
  });

  it('refuses what is no ledger, and one log given twice', async () => {
    await expect(viewLogs([`${directory.path}-none`])).rejects.toThrow(/ENOENT/);
    await expect(viewLogs([directory.path, directory.path])).rejects.toThrow(/is there twice/);
  });
});

describe('why', () => {
  const object = parseObject('replicaset/default/web');
  const ask = async () => why(await viewLogs([directory.path]), object);

  it('says which rule refused which write, how often, since when, and under which bundle', async () => {
    const denial = someDenial(1, { titles: ['Containers must not be privileged.'] });
    await repeatedly(denial, 3);
    await restart();
    opened.ledger.denial(denial);
    await opened.ledger.close('done');
    const { because, counts, uids } = await ask();
    expect(uids).toEqual(['rs-uid']);
    expect(counts).toEqual({ about: 0, because: 4, denied: 4 });
    expect(because).toMatchObject([
      {
        decision: 'denied',
        count: 4,
        standing: 1,
        verb: 'create',
        resource: 'core/pods',
        reason: 'scale-up',
        code: 'GATE_POLICY_DENIED',
        codeSays: 'judging the write: a rule refuses it',
        rules: [{ rule: 'pod-security-baseline/privileged', title: 'Containers must not be privileged.' }],
        messages: ['container web is privileged'],
        bundle: { version: 3, digest: 'ab'.repeat(32) },
        trigger: { kind: 'ReplicaSet', name: 'web' },
      },
    ]);
    const [deed] = because;
    expect(deed?.records).toHaveLength(2);
    expect(deed !== undefined && deed.first <= deed.last).toBe(true);
  });

  it('says when a refusal does not stand any more', async () => {
    const denial = someDenial(1);
    opened.ledger.denial(denial);
    await attempt(1, APPLIED, { writeId: denial.writeId });
    await opened.ledger.close('done');
    expect((await ask()).because).toMatchObject([
      { decision: 'denied', standing: 0 },
      { decision: 'allowed', outcome: 'applied', user: 'comptroller:replicaset', names: ['web-00001'] },
    ]);
  });

  it('groups what was done, and keeps apart what ended otherwise', async () => {
    for (let n = 0; n < 30; n += 1) await attempt(n, APPLIED);
    await attempt(40, { kind: 'failed', code: 'API_QUOTA_EXCEEDED', status: 403, took: 1 });
    await opened.ledger.close('done');
    const { because } = await ask();
    expect(because.map(({ count, outcome, code }) => [count, outcome, code])).toEqual([
      [30, 'applied', undefined],
      [1, 'failed', 'API_QUOTA_EXCEEDED'],
    ]);
    expect(because[0]?.records).toHaveLength(5);
  });

  it('follows a pod to what made it', async () => {
    await attempt(1, APPLIED);
    await opened.ledger.close('done');
    const found = await why(await viewLogs([directory.path]), parseObject('pod/default/web-00001'));
    expect(found).toMatchObject({ uids: ['pod-uid'], counts: { about: 1, because: 0 } });
    expect(found.chain.map((link) => link.object)).toEqual(['pods/default/web-00001', 'ReplicaSet/default/web']);
  });

  it('knows nothing of what no ledger names', async () => {
    await attempt(1, APPLIED);
    const found = await why(await viewLogs([directory.path]), parseObject('rs/default/other'));
    expect(found).toMatchObject({ about: [], because: [], counts: { about: 0, because: 0, denied: 0 } });
  });

  it('tells one attempt by its Audit-ID, with what became of it in a later log', async () => {
    const { auditId } = await attempt(1);
    await restart();
    await opened.ledger.note({ note: 'resolved', auditId, as: 'applied', how: 'an object has the derived name' });
    const logs = await viewLogs([directory.path]);
    const named = parseAuditId(auditId) as NonNullable<ReturnType<typeof parseAuditId>>;
    const found = await whyRecord(logs, named);
    expect(found).toMatchObject({
      id: auditId,
      type: 'intent',
      deed: { decision: 'allowed', outcome: 'applied', controller: 'replicaset' },
      request: { object: 'default/web-00001', method: 'POST' },
      resolved: expect.stringContaining('an object has the derived name'),
    });
    expect(await whyRecord(logs, { ...named, hash: '0'.repeat(32) })).toBeUndefined();
    expect(await whyRecord(logs, { ...named, seq: 9999 })).toBeUndefined();
  });
});
