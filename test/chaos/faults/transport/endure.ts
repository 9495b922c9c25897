/** Trouble on the wire while a tenant grows: when it is over, the tenant has what it wished, and never had more. */
import { setTimeout as pause } from 'node:timers/promises';
import { until } from '#kit/wait.ts';
import type { Mischief, RequestSeen } from '../../between/port.ts';
import type { Arena, Measured } from '../../fault.ts';
import { openWitness } from '../witness.ts';
import { inTime, MOST } from './patience.ts';

export type Decide = (request: RequestSeen) => Mischief | undefined;

export interface Trouble {
  readonly decide: Decide;
  /** Milliseconds; then every request passes again, and connections stay as they are. */
  readonly lasts: number;
  /** Milliseconds from the end of the trouble until the tenant must have its pods, where the machine is quiet. */
  readonly within: number;
  /** How many requests must have been touched at the least: a trouble that nobody met proves nothing. */
  readonly touches?: number;
  readonly pods?: number;
  /** Once every request passes again: what only a new connection can heal. */
  readonly heal?: () => void;
}

export async function endure(
  arena: Pick<Arena, 'admin' | 'between' | 'cluster'>,
  { decide, lasts, within, touches = 1, pods = 10, heal }: Trouble,
): Promise<Measured> {
  const { between } = arena;
  const witness = await openWitness(arena);
  const before = await (await witness.wish(1)).met(MOST * within);
  let [asked, touched] = [0, 0];
  between.meddle((request) => {
    asked++;
    const mischief = decide(request);
    if (mischief !== undefined) touched++;
    return mischief;
  });
  try {
    const wished = await witness.wish(pods);
    const begun = performance.now();
    await pause(lasts);
    await until(() => touched >= touches, { timeout: 20_000, why: `${touches} requests to be touched` });
    between.meddle(() => undefined);
    heal?.();
    const lasted = performance.now() - begun;
    const took = Math.max(0, (await wished.met(lasted + MOST * within)) - lasted);
    // And it is not only that one wish: the next one is served as ever.
    const next = await (await witness.wish(1)).met(MOST * within);
    inTime(took, within, Math.max(before, next));
    await witness.leave();
    return {
      requests: asked,
      touched,
      'served after': `${Math.round(took)} ms`,
      'before and after within': `${before} and ${next} ms`,
    };
  } finally {
    between.pass();
  }
}

/** Whether this is one of the first requests of its kind: who asks, method, path, and whether it watches. */
export function firstOf(times: number): (request: RequestSeen) => boolean {
  const counts = new Map<string, number>();
  return ({ method, url, user, watch }) => {
    const key = `${user} ${method} ${url.split('?')[0]} ${watch}`;
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    return count <= times;
  };
}
