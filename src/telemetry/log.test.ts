import { expect, test } from 'vitest';
import { createLog } from './log.ts';

const clock = { now: () => ({ wall: Date.UTC(2026, 0, 2, 3, 4, 5, 678), mono: 0 }), after: () => () => {} };
function capture(format: 'json' | 'text', verbosity = 0) {
  const lines: string[] = [];
  return { log: createLog({ format, verbosity, clock, write: (line) => lines.push(line) }), lines };
}

test('json: one object a line', () => {
  const { log, lines } = capture('json');
  log.warn('losing leadership', { why: 'renew-deadline', after: 3, absent: undefined });
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { level: 'warn', ts: '2026-01-02T03:04:05.678Z', why: 'renew-deadline', after: 3, msg: 'losing leadership' },
  ]);
});

test('text: one line whatever the values hold', () => {
  const { log, lines } = capture('text');
  log.info('winning leadership', { holder: 'a\nE forged', size: 3 });
  expect(lines).toEqual(['2026-01-02T03:04:05.678Z I winning leadership holder="a\\nE forged" size=3\n']);
});

test('debug messages only from --v=4 on', () => {
  const quiet = capture('text', 3);
  quiet.log.debug('reading');
  const loud = capture('text', 4);
  loud.log.debug('reading');
  expect([quiet.lines.length, loud.lines.length]).toEqual([0, 1]);
});

test.each([
  ['token', 'abc'],
  ['Authorization', 'Basic x'],
  ['dbPassword', 'x'],
  ['why', 'Bearer abc'],
  ['why', 'x -----BEGIN EC PRIVATE KEY----- y'],
  ['why', 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln'],
])('I9: %s=%s is never written', (name, value) => {
  for (const format of ['json', 'text'] as const) {
    const { log, lines } = capture(format);
    log.error('failing', { [name]: value });
    expect(lines[0]).toContain('[redacted]');
    expect(lines[0]).not.toContain(value);
  }
});

test('a long value is cut', () => {
  const { log, lines } = capture('text');
  log.info('reading', { path: 'x'.repeat(100_000) });
  expect(lines[0]?.length).toBeLessThan(1200);
});
