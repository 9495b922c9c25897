import { expect, test } from 'vitest';
import type { Reader } from '#api/port.ts';
import { fakeClock } from '#kit/fake-clock.ts';
import { recordingTelemetry } from '#kit/telemetry.ts';
import type { Ledger } from '#ledger/port.ts';
import { ON_THE_WAY } from './lost.ts';
import { type OpenIntent, recover } from './recover.ts';

const TIMEOUT = 6000;
const START = Date.UTC(2026, 0, 1);
const intent = (recorded: number): OpenIntent => ({
  auditId: 'x-1-0',
  time: new Date(recorded).toISOString(),
  controller: 'replicaset',
  class: 'write',
  verb: 'create',
  resource: 'core/pods',
  namespace: 'a',
  name: 'web-1',
  derivedName: true,
  timeout: TIMEOUT,
});

/** What is said of a create that happens, if ever, `happens` after this process began; and when that is said. */
async function saidOf(recorded: number, happens: number, alone?: number): Promise<[unknown, number]> {
  const clock = fakeClock(START);
  const made = { metadata: { name: 'web-1', uid: 'u1' } };
  const reader: Reader = {
    get: async () => ({ status: 200, body: { items: clock.now().mono >= happens ? [made] : [] } }),
    review: () => Promise.reject(new TypeError('reviewing')),
  };
  const notes: [unknown, number][] = [];
  const ledger = {
    note: async (note: { as?: string }) => void notes.push([note.as, clock.now().mono]),
  } as unknown as Ledger;
  const { log } = recordingTelemetry();
  const done = recover([intent(START + recorded)], { reader, clock, ledger, log, controllers: [], alone });
  for (let tick = 0; tick < 200 && notes.length === 0; tick++) {
    await Promise.resolve();
    await new Promise((resume) => setImmediate(resume));
    clock.advance(100);
  }
  await done;
  return notes[0] as [unknown, number];
}

test('what was recorded long ago is looked up at once', async () => {
  expect(await saidOf(-60_000, 0)).toEqual(['applied', 0]);
});

test('what may be begun or under way still is waited out, with its time on the wire', async () => {
  const end = TIMEOUT - 2000 + ON_THE_WAY;
  expect(await saidOf(-2000, end)).toEqual(['applied', end]);
  expect(await saidOf(-2000, Number.POSITIVE_INFINITY)).toEqual(['not-applied', end]);
});

test('a clock that was set back makes nobody wait for longer than a request may take', async () => {
  expect((await saidOf(3_600_000, 0))[1]).toBe(TIMEOUT + ON_THE_WAY);
});

test('without a lease the last moment to send is the end of the process before, not the time of the record', async () => {
  const end = TIMEOUT + ON_THE_WAY;
  expect(await saidOf(-60_000, end, 0)).toEqual(['applied', end]);
});
