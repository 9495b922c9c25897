import { expect, test } from 'vitest';
import { joinFaults, verifyFaults } from './books.ts';

const audit = { writes: 1 };

test('books that agree have no faults', () => {
  expect(verifyFaults({ verdict: 'ok', findings: [{ code: 'TORN', grade: 'note', says: 'a torn tail' }] })).toEqual([]);
  expect(joinFaults({ verdict: 'complete', findings: [], gaps: [], audit })).toEqual([]);
});

test('a ledger that does not verify is told, finding by finding', () => {
  expect(
    verifyFaults({ verdict: 'broken', findings: [{ code: 'ROOT', grade: 'broken', says: 'another root' }] }),
  ).toEqual(['ledger verify: broken', 'ledger verify: ROOT: another root']);
});

test('so is what only one side has seen, and what could not be seen', () => {
  const pod = { user: 'comptroller:replicaset', verb: 'delete', resource: 'core/pods', namespace: 'a', name: 'b' };
  expect(
    joinFaults({
      verdict: 'incomplete',
      findings: [{ code: 'UNRECORDED_WRITE', says: 'a write', status: 200, ...pod }],
      gaps: [{ code: 'TORN', says: 'cut within a line', count: 2 }],
      audit,
    }),
  ).toEqual([
    'ledger completeness: incomplete',
    'ledger completeness: UNRECORDED_WRITE: comptroller:replicaset delete core/pods a/b, answered 200',
    'ledger completeness: gap TORN: cut within a line (2)',
  ]);
});

test('a Comptroller that wrote nothing was not tried', () => {
  expect(joinFaults({ verdict: 'complete', findings: [], gaps: [], audit: { writes: 0 } })).toEqual([
    'Comptroller wrote nothing',
  ]);
});
