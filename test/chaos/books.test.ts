import { describe, expect, test } from 'vitest';
import { joinFindings, verifyFindings } from './books.ts';

describe('what an excuse can cover', () => {
  test('verification: epochs are one thing, the bytes of a log another, and a note is neither', () => {
    const finding = (code: string, grade: 'broken' | 'undecided' | 'note') => ({ code, grade, says: 'so' });
    const found = verifyFindings({
      findings: [finding('epoch-twice', 'broken'), finding('tile-missing', 'broken'), finding('log-absent', 'note')],
    });
    expect(found.map(({ kind }) => kind)).toEqual(['epochs', 'unverifiable']);
  });

  test('the join: what is missing on one side has an excuse, what differs has none', () => {
    const found = joinFindings({
      counts: { UNRECORDED_WRITE: 3, NOT_IN_AUDIT: 2, DISAGREES: 1, LEDGER_BROKEN: 9 },
      findings: [{ code: 'UNRECORDED_WRITE', says: 'no record', name: 'web' }],
      gaps: [{ code: 'AFTER', says: 'newer files', count: 4 }],
    });
    expect(found.map(({ kind, count }) => [kind, count])).toEqual([
      ['unrecorded', 3],
      ['unseen', 2],
      ['other', 1],
      ['unseen', 4],
    ]);
    expect(found[0]?.says).toContain('3 x UNRECORDED_WRITE');
    expect(found[0]?.says).toContain('/web');
  });
});
