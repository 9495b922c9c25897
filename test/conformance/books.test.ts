import { expect, test } from 'vitest';
import { joinFaults, tripsIn, verifyFaults } from './books.ts';

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

test('what the breaker held is a fault: upstream has no such thing', () => {
  const trip = 'log-1 #5 note held t1-1 apps/deployments a/web: deployment would take 45 of at most 40 (too-much)';
  expect(tripsIn([trip, 'log-1 #6 note leading', 'log-1 #7 note void t1-1 apps/deployments a/web: gone'])).toEqual([
    'the breaker held t1-1 apps/deployments a/web: deployment would take 45 of at most 40 (too-much)',
  ]);
});
