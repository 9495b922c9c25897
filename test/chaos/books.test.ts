import { describe, expect, test } from 'vitest';
import { joinFindings, mayStillMatch, verifyFindings } from './books.ts';

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

describe('when the books are read again', () => {
  const verified = { findings: [] };
  const gap = (code: 'AFTER' | 'BEFORE') => ({ gaps: [{ code, says: 'so', count: 1 }] });

  test('an attempt was on its way, though records are missing for which there is an excuse', () => {
    const joined = { verdict: 'incomplete', ...gap('AFTER') };
    expect(mayStillMatch({ joined, verified })).toBe(true);
  });

  test('nothing that time would mend', () => {
    expect(mayStillMatch({ joined: gap('BEFORE'), verified })).toBe(false);
    const epochs = { findings: [{ code: 'epoch-open', grade: 'undecided' as const, says: 'so' }] };
    expect(mayStillMatch({ joined: { gaps: [] }, verified: epochs })).toBe(false);
  });
});
