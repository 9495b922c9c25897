import type { Findings } from './findings.ts';
import type { Reign } from './verify-records.ts';

/** Clocks of replicas may differ by so much before two reigns count as overlapping. */
const SKEW_MS = 2_000;

/** Over all logs: one holder an epoch, no epoch left out, and no write of one after the next was won. */
export function compareReigns(reigns: readonly Reign[], findings: Findings): void {
  const leases = Map.groupBy(reigns, ({ lease }) => lease);
  for (const all of leases.values()) {
    const epochs = [...Map.groupBy(all, ({ transitions }) => transitions)].sort(([a], [b]) => a - b);
    for (const [at, [transitions, held]] of epochs.entries()) {
      if (new Set(held.map(({ holder }) => holder)).size > 1) {
        const logs = [...new Set(held.map(({ log }) => log))].join(' and ');
        findings.add({ verdict: 'broken', check: 'epoch', what: `epoch ${transitions} was won twice, in ${logs}` });
      }
      const next = epochs[at + 1];
      if (next !== undefined) compareNeighbours(transitions, held, next[0], next[1], findings);
    }
  }
}

function compareNeighbours(
  transitions: number,
  held: readonly Reign[],
  next: number,
  heldNext: readonly Reign[],
  findings: Findings,
): void {
  if (next > transitions + 1) {
    const what = `between epochs ${transitions} and ${next} somebody led whose log is not here`;
    findings.add({ verdict: 'broken', check: 'epoch', what });
  }
  const last = held.reduce((latest, { until }) => Math.max(latest, Date.parse(until)), Number.NEGATIVE_INFINITY);
  const first = heldNext.reduce((earliest, { from }) => Math.min(earliest, Date.parse(from)), Number.POSITIVE_INFINITY);
  if (last <= first + SKEW_MS) return;
  const what = `a write of epoch ${transitions} was recorded after epoch ${next} was won`;
  findings.add({ verdict: 'broken', check: 'epoch', what });
}
