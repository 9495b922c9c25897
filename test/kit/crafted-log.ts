import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonical } from '#core/json.ts';
import { originOf } from '#ledger/checkpoint.ts';
import { leafHash } from '#ledger/merkle.ts';
import { Publisher } from '#ledger/publisher.ts';
import { intentData, leafOf, type Position, type RecordType } from '#ledger/records.ts';
import { someIntent, type TestKeeper } from './ledger.ts';

/** A record as a test wishes it: also with what no ledger would write. */
export type Crafted = Partial<Position> & { readonly type: RecordType; readonly data: object };

const NOON = Date.UTC(2026, 0, 1, 12);
export const crafted = {
  epoch: (transitions: number, lease = 'lease-uid', holder = `holder-${transitions}`) => ({
    lease,
    transitions,
    holder,
  }),
  won: (epoch: object, more: object = {}): Crafted => ({
    type: 'note',
    data: { note: 'leadership', epoch, won: true, ...more },
  }),
  lost: (epoch: object): Crafted => ({ type: 'note', data: { note: 'leadership', epoch, won: false } }),
  intent: (epoch: { lease: string; transitions: number; holder: string }, more: object = {}): Crafted => ({
    type: 'intent',
    data: { ...JSON.parse(intentData(someIntent(1, { epoch }), 'sha256:00', undefined)), ...more },
  }),
  outcome: (intent: number): Crafted => ({ type: 'outcome', data: { intent, kind: 'applied', took: 1 } }),
  stop: { type: 'stop', data: { why: 'done' } } as Crafted,
};

/** Writes a whole log with a true signature over whatever stands in it. */
export async function craftLog(
  directory: string,
  id: string,
  keeper: TestKeeper,
  records: readonly Crafted[],
  start: Crafted = { type: 'start', data: { origin: originOf('test', id), previous: { count: 0, items: [] } } },
): Promise<{ readonly origin: string; readonly size: number; readonly root: string }> {
  const path = join(directory, id);
  await mkdir(path, { recursive: true });
  const publisher = new Publisher(path, originOf('test', id), keeper.sign);
  let prev: Buffer | undefined;
  for (const [seq, { type, data, ...at }] of [start, ...records].entries()) {
    const entry = leafOf(type, canonical(data), { seq, prev, wall: NOON + seq * 1000, mono: seq * 1000, ...at });
    prev = leafHash(entry);
    publisher.append(entry, prev);
  }
  const anchor = await publisher.materialise();
  await publisher.publish(anchor, await publisher.signature(anchor));
  await writeFile(join(directory, 'checkpoint.pub'), `${keeper.verifierKey}\n`);
  return anchor;
}
