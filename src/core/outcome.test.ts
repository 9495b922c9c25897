import { expect, test } from 'vitest';
import { denied, type Fate } from '#kit/fake-store.ts';
import { refusal, wentThrough } from './outcome.ts';
import type { Outcome, Write } from './plan.ts';

const write: Write = { verb: 'create', resource: 'core/pods', object: {}, reason: 'why' };
const outcome = (fate: Fate): Outcome => ({ ...fate, write }) as Outcome;

test.each<[Fate, string | undefined]>([
  [{ kind: 'applied' }, undefined],
  [{ kind: 'applied', benign: true }, undefined],
  [{ kind: 'skipped' }, undefined],
  [{ kind: 'unknown', code: 'API_UNKNOWN' }, undefined],
  [{ kind: 'conflict', code: 'API_CONFLICT' }, undefined],
  [{ kind: 'exhausted', code: 'GATE_QUOTA_EXHAUSTED', message: 'write budget of the owner' }, undefined],
  [{ kind: 'failed', code: 'API_NAMESPACE_TERMINATING', status: 403 }, undefined],
  [{ kind: 'failed', code: 'GATE_LEDGER_BUSY' }, undefined],
  [{ kind: 'denied', code: 'POLICY_OUTDATED', rules: [] }, undefined],
  [denied('a/b', 'no such thing'), 'refused by policy: a/b (no such thing)'],
  [
    {
      kind: 'denied',
      code: 'GATE_POLICY_DENIED',
      rules: [
        { rule: 'a', title: 'x' },
        { rule: 'b', title: 'y' },
      ],
    },
    'refused by policy: a (x), b (y)',
  ],
  [{ kind: 'denied', code: 'POLICY_TIMEOUT', rules: [] }, 'refused: the policy took too long'],
  [{ kind: 'denied', code: 'POLICY_MISSING', rules: [] }, 'refused: judging without a policy bundle'],
  [
    { kind: 'held', code: 'GATE_HELD', hold: 'h1' },
    'held until a person releases it: it would remove too much at once',
  ],
  [
    { kind: 'failed', code: 'API_FORBIDDEN', status: 403, apiReason: 'Forbidden' },
    'the API server forbids it (Forbidden)',
  ],
  [
    {
      kind: 'failed',
      code: 'API_INVALID',
      causes: [{ reason: 'FieldValueInvalid', field: 'spec.containers[].image' }],
    },
    'the API server finds it invalid: spec.containers[].image FieldValueInvalid',
  ],
  [
    { kind: 'failed', code: 'API_QUOTA_EXCEEDED', message: 'exceeded quota: small, requested: pods=1' },
    'forbidden: exceeded quota: small, requested: pods=1',
  ],
])('%j', (fate, says) => {
  expect(refusal(outcome(fate))).toBe(says);
});

test('what many rules say is cut', () => {
  const rules = Array.from({ length: 99 }, (_, n) => ({ rule: `rule-${n}`, title: 'a title of some length' }));
  const said = refusal(outcome({ kind: 'denied', code: 'GATE_POLICY_DENIED', rules })) ?? '';
  expect(said.length).toBe(960);
  expect(said.endsWith('...')).toBe(true);
});

test('benign refusals went through', () => {
  expect(wentThrough(outcome({ kind: 'gone', code: 'API_GONE' }))).toBe(true);
  expect(wentThrough(outcome({ kind: 'failed', code: 'API_NAMESPACE_TERMINATING' }))).toBe(true);
  expect(wentThrough(outcome({ kind: 'failed', code: 'API_FORBIDDEN' }))).toBe(false);
  expect(wentThrough(outcome({ kind: 'skipped' }))).toBe(false);
});
