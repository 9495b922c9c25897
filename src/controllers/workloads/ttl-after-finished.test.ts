import { expect, test } from 'vitest';
import type { Job } from '#core/k8s/types.gen.ts';
import type { Plan } from '#core/plan.ts';
import { refOf } from '#core/ref.ts';
import { job } from '#kit/build.ts';
import { planOf, scenarios } from '#kit/scenario.ts';
import { ttlAfterFinished } from './ttl-after-finished.ts';

const key = 'default/pi';
const now = '2026-01-01T01:00:00Z';
const finishedAt = '2026-01-01T00:59:00Z';

const deletes = (before: Job, expires = now): Plan => ({
  reason: 'ttl-expired',
  chains: [
    [
      {
        verb: 'delete',
        ref: refOf('batch/jobs', before),
        propagation: 'Foreground',
        before,
        reason: 'ttl-expired',
        slot: String(Date.parse(expires)),
      },
    ],
  ],
  events: [],
  confirm: { read: [refOf('batch/jobs', before)], expect: 'replan' },
});
const idle = (reason: string, requeueAfter?: number): Plan => ({
  reason,
  chains: [],
  events: [],
  ...(requeueAfter !== undefined && { requeueAfter }),
});
/** A Job whose conditions are these. */
const saying = (...conditions: { type: string; status: string; lastTransitionTime?: string }[]): Job => ({
  ...job({ ttl: 0 }),
  status: { conditions },
});

const due = job({ ttl: 60, finishedAt });
const failed = job({ ttl: 60, finishedAt, failed: true });
const atOnce = job({ ttl: 0, finishedAt: now });
const ahead = job({ ttl: 0, finishedAt: '2026-01-01T01:00:05Z' });
const second = saying(
  { type: 'Suspended', status: 'True', lastTransitionTime: now },
  { type: 'Complete', status: 'False', lastTransitionTime: finishedAt },
  { type: 'Failed', status: 'True', lastTransitionTime: finishedAt },
);

scenarios(ttlAfterFinished, {
  'deletes what completed that long ago, with its pods, if it is so live': {
    given: [due],
    key,
    now,
    plan: deletes(due),
  },
  'deletes what failed that long ago': { given: [failed], key, now, plan: deletes(failed) },
  'deletes at once with a TTL of zero': { given: [atOnce], key, now, plan: deletes(atOnce) },
  'takes the condition that says that it finished': { given: [second], key, now, plan: deletes(second, finishedAt) },
  'waits for the last millisecond': {
    given: [due],
    key,
    now: '2026-01-01T00:59:59.999Z',
    plan: idle('waiting', 1),
  },
  'waits until the TTL has passed': {
    given: [job({ ttl: 3600, finishedAt })],
    key,
    now,
    plan: idle('waiting', 3_540_000),
  },
  'waits for the largest TTL there is': {
    given: [job({ ttl: 2 ** 31 - 1, finishedAt })],
    key,
    now,
    plan: idle('waiting', (2 ** 31 - 1) * 1000 - 60_000),
  },
  'waits longer where its clock lags behind the one that stamped the Job': {
    given: [ahead],
    key,
    now,
    plan: idle('waiting', 5000),
  },
  'leaves a Job without TTL alone': { given: [job({ finishedAt })], key, now, plan: idle('not-due') },
  'leaves a Job that runs alone': { given: [job({ ttl: 0 })], key, now, plan: idle('not-due') },
  'leaves a Job alone whose condition is not true': {
    given: [saying({ type: 'Complete', status: 'False', lastTransitionTime: finishedAt })],
    key,
    now,
    plan: idle('not-due'),
  },
  'leaves a Job alone that does not say when it finished': {
    given: [saying({ type: 'Complete', status: 'True' })],
    key,
    now,
    plan: idle('not-due'),
  },
  'leaves a Job alone that is being deleted': {
    given: [job({ ttl: 0, finishedAt, metadata: { deletionTimestamp: now, finalizers: ['foregroundDeletion'] } })],
    key,
    now,
    plan: idle('deleting'),
  },
  'does nothing for a Job that is gone': {
    given: [],
    key,
    now,
    check: (plan) => expect(plan).toEqual(idle('gone')),
  },
});

test('I11: a refusal of one TTL does not stand for another', () => {
  const slotOf = (ttl: number) => {
    const plan = planOf(ttlAfterFinished, { given: [job({ ttl, finishedAt })], key, now: '2026-01-01T03:00:00Z' });
    return plan.chains[0]?.[0]?.slot;
  };
  expect(slotOf(60)).toBe(slotOf(60));
  expect(slotOf(60)).not.toBe(slotOf(3600));
});
