import { expect, test } from 'vitest';
import { parseOptions } from './options.ts';
import { failuresOf, renderReport, type Soaked } from './report.ts';

const flat = {
  name: 'run: resident memory',
  unit: 'MB',
  count: 720,
  first: 150.2,
  last: 152,
  perHour: 1.84,
  max: 171.3,
  bound: 181.2,
  flat: true,
};
const good: Soaked = {
  options: { minutes: 60, seed: 7, record: true },
  started: new Date(0),
  ended: new Date(3_600_000),
  judged: [flat],
  seen: { effects: 900, missed: [], p50: 80, p99: 400, max: 900 },
  rotated: { rounds: 59, identities: 16, certificates: 944, failed: [] },
  changes: 16_000,
  writes: 90_000,
  records: 200_000,
  complaints: [],
  kubernetes: 'v1.37.1',
  comptroller: '0.1.0',
};

test('what is not judged fails nothing', () => {
  const told = { ...good, judged: [flat, { ...flat, name: 'delay', bound: undefined, flat: undefined }] };
  expect(failuresOf(told)).toEqual([]);
  expect(renderReport(told)).toContain('| delay | 720 | 150 MB | 152 MB |  | +1.8 MB | 171 MB | not judged |');
});

test('a good run says so, in numbers', () => {
  const text = renderReport(good);
  expect(failuresOf(good)).toEqual([]);
  expect(text).toContain('1970-01-01T00:00Z, 60 minutes, seed 7');
  expect(text).toContain('59 rotations of 16 identities: 944 certificates');
  expect(text).toContain('900 effects looked for by an auditor, **0 missed**; p50 80 ms');
  expect(text).toContain('| run: resident memory | 720 | 150 MB | 152 MB | 181 MB | +1.8 MB | 171 MB | yes |');
  expect(text).not.toContain('FAILED');
});

test.each<[string, Partial<Soaked>, string]>([
  ['what grows', { judged: [{ ...flat, last: 300, flat: false }] }, 'is not flat: 300 MB, at most 181'],
  ['what was missed', { seen: { ...good.seen, missed: ['probe-3: one pod'] } }, 'missed: probe-3: one pod'],
  ['nobody who looked', { seen: { ...good.seen, effects: 0 } }, 'no effect was looked for'],
  ['a renewal that failed', { rotated: { ...good.rotated, failed: ['late'] } }, 'not renewed: late'],
  ['no renewal at all', { rotated: { ...good.rotated, rounds: 0 } }, 'no certificate was renewed'],
  ['books that are wrong', { complaints: ['ledger verify: broken'] }, 'ledger verify: broken'],
])('%s fails it', (_, change, says) => {
  const soaked = { ...good, ...change };
  expect(failuresOf(soaked)).toEqual([expect.stringContaining(says)]);
  expect(renderReport(soaked)).toMatch(/1 FAILED[\s\S]*## Failures/);
});

test('the command line: an hour by default, and no nonsense', () => {
  expect(parseOptions([])).toEqual({ minutes: 60, seed: 1, record: false });
  expect(parseOptions(['--minutes', '5', '--seed', '9', '--record'])).toEqual({ minutes: 5, seed: 9, record: true });
});
