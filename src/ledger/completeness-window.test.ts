import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Crafted, crafted, craftLog } from '#kit/crafted-log.ts';
import { type TestKeeper, temporaryDirectory, testKeeper } from '#kit/ledger.ts';
import { auditFile } from './audit-events.ts';
import { joinAudit } from './completeness.ts';
import type { JoinReport } from './completeness-report.ts';
import { auditIdFor, recordAt } from './records-view.ts';
import { verifyLedger } from './verify.ts';

const LOG = 'aaaaaaaaaa';
const EPOCH = crafted.epoch(1);
/** Records have the times 12:00:00, 12:00:01, ... of this day. */
const at = (seconds: number): string => new Date(Date.UTC(2026, 0, 1, 12, 0, seconds)).toISOString();
const answered = (intent: number): Crafted => ({
  type: 'outcome',
  data: { intent, kind: 'applied', status: 201, took: 1 },
});

let directory: { path: string; remove: () => Promise<void> };
let keeper: TestKeeper;
beforeEach(async () => {
  directory = await temporaryDirectory();
  keeper = testKeeper();
  // Attempts are the records 2, 4 and 6.
  const attempts = [2, 4, 6].flatMap((seq) => [crafted.intent(EPOCH), answered(seq)]);
  await craftLog(directory.path, LOG, keeper, [crafted.won(EPOCH), ...attempts]);
});
afterEach(() => directory.remove());

/** An event of an attempt by its record's number, or of one that has none; received so many seconds after noon. */
async function event(of: number | string, seconds: number): Promise<object> {
  const bytes = typeof of === 'number' ? await recordAt(join(directory.path, LOG), of) : undefined;
  return {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    auditID: bytes === undefined ? of : auditIdFor(LOG, of as number, bytes),
    stage: 'ResponseComplete',
    verb: 'create',
    requestURI: '/api/v1/namespaces/default/pods',
    user: { username: 'comptroller:replicaset' },
    objectRef: { resource: 'pods', namespace: 'default', name: 'web-00001' },
    responseStatus: { code: 201 },
    requestReceivedTimestamp: at(seconds),
    stageTimestamp: at(seconds),
  };
}

async function joined(window: { since?: string; until?: string }, events: readonly object[]): Promise<JoinReport> {
  const path = join(directory.path, '..', 'audit.log');
  writeFileSync(path, events.map((one) => `${JSON.stringify(one)}\n`).join(''));
  return joinAudit({
    directories: [directory.path],
    audit: [await auditFile(path)],
    verify: ([first = '']) => verifyLedger({ directory: first, verifierKey: keeper.verifierKey }),
    ...window,
  });
}

const told = ({ verdict, audit, attempts, counts, gaps }: JoinReport): unknown => [
  verdict,
  audit.writes,
  attempts.total,
  attempts.matched,
  counts,
  gaps.map(({ code }) => code),
];

test('of a window nothing is demanded outside of it, on either side', async () => {
  const events = [await event('thief-early', 1), await event(4, 4), await event('thief-late', 8)];
  const all = await joined({}, events);
  expect(told(all)).toEqual(['incomplete', 3, 3, 1, { UNRECORDED_WRITE: 2, NOT_IN_AUDIT: 2 }, []]);
  const window = { since: at(3), until: at(6) };
  const report = await joined(window, events);
  expect(told(report)).toEqual(['complete', 1, 1, 1, {}, []]);
  expect(report.window).toEqual(window);
  expect(report.identities).toEqual([{ user: 'comptroller:replicaset', requests: 1, attempts: 1, matched: 1 }]);
  expect(report.decisions.count).toBe(1);
});

test('within it both kinds of orphans are found; the end is exclusive', async () => {
  const events = [await event(2, 2), await event('thief', 4)];
  expect(told(await joined({ since: at(3), until: at(6) }, [...events, await event(6, 6)]))).toEqual([
    'incomplete',
    1,
    1,
    0,
    { UNRECORDED_WRITE: 1 },
    ['NOTHING'],
  ]);
  expect(told(await joined({ since: at(2), until: at(6) }, [...events, await event(6, 6)]))).toEqual([
    'incomplete',
    2,
    2,
    1,
    { UNRECORDED_WRITE: 1, NOT_IN_AUDIT: 1 },
    [],
  ]);
});

test('a request at the edge belongs to it when either side says so, so that nobody hides behind an old record', async () => {
  // Recorded before the window and received in it, recorded in it and received after it.
  const edges = [await event(2, 3), await event(4, 6)];
  const window = { since: at(3), until: at(6) };
  expect(told(await joined(window, edges))).toEqual(['complete', 2, 2, 2, {}, []]);
  const replayed = [...edges, await event(2, 5)];
  expect(told(await joined(window, replayed))).toEqual(['incomplete', 3, 2, 2, { ANSWERED_TWICE: 1 }, []]);
});

test('a window that holds nothing proves nothing', async () => {
  expect(told(await joined({ until: '2000-01-01T00:00:00.000Z' }, [await event(4, 4)]))).toEqual([
    'undecided',
    0,
    0,
    0,
    {},
    ['EMPTY'],
  ]);
  await expect(joined({ since: at(3), until: at(3) }, [])).rejects.toThrow('nothing lies between them');
});

test('every finding is told, also beyond those that are kept', async () => {
  const path = join(directory.path, '..', 'audit.log');
  const thieves = await Promise.all(Array.from({ length: 20 }, (_, nth) => event(`thief-${nth}`, nth)));
  writeFileSync(path, thieves.map((one) => `${JSON.stringify(one)}\n`).join(''));
  const all: (string | undefined)[] = [];
  const { findings, counts } = await joinAudit({
    directories: [directory.path],
    audit: [await auditFile(path)],
    verify: async () => ({ verdict: 'ok', findings: [] }),
    cap: 3,
    tell: ({ auditId }) => all.push(auditId),
  });
  expect([findings.length, counts]).toEqual([3, { UNRECORDED_WRITE: 20 }]);
  expect(all).toEqual(Array.from({ length: 20 }, (_, nth) => `thief-${nth}`));
});
