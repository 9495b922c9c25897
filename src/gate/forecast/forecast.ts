import type { Pod, ResourceQuota } from '#core/k8s/types.gen.ts';
import type { Outcome } from '#core/plan.ts';
import { demandOn } from '#core/quota/admits.ts';
import { evaluatorOf } from '#core/quota/evaluators.ts';
import { withDefaults } from '#core/quota/pods.ts';
import { type Clock, type Ms, seconds } from '#core/time.ts';
import type { Meter } from '#telemetry/port.ts';
import { type Claim, claim, createBook, fits, release, type Shelf, stands } from './book.ts';
import type { Admission, Asked, Forecast } from './port.ts';
import { createProbes, type Said } from './probes.ts';
import { createWaiting, type Wanted } from './waiting.ts';

/** How long what was written stays reserved where the quota's count does not show it; longer where nobody knows. */
const SHOWN_WITHIN: Ms = seconds(5);
const KNOWN_WITHIN: Ms = seconds(15);
const FREE: Admission = { kind: 'free' };

/** What the pods of one plan ask for: they share a spec, and reading its quantities again for each would be slow. */
type Known = WeakMap<object, { readonly shelf: Shelf; readonly version: number; readonly wanted: readonly Wanted[] }>;

export function createForecast({ clock, meter }: { readonly clock: Clock; readonly meter: Meter }): Forecast {
  const book = createBook();
  const probes = createProbes();
  const known: Known = new WeakMap();
  const callbacks = new Set<(address: string) => void>();
  const waiting = createWaiting(clock, (address) => {
    for (const callback of callbacks) callback(address);
  });
  let reserved = 0;

  const report = (): void => {
    meter.set('quota_reserved', {}, reserved);
    meter.set('quota_waiting', {}, waiting.size());
  };
  const giveBack = (namespace: string, claims: readonly Claim[]): void => {
    if (claims.filter(release).length > 0) waiting.look(namespace);
    report();
  };
  const keep = (wanted: readonly Wanted[]): readonly Claim[] => {
    reserved += 1;
    return wanted.map(({ of, amounts }) => claim(of, amounts));
  };
  const out = (asked: Asked, shelf: Shelf, wanted: readonly Wanted[], kind: 'admitted' | 'probe'): Admission => {
    const { namespace, address } = asked;
    const sent = shelf.epoch;
    const number = probes.out();
    const claims = keep(wanted);
    meter.count('quota_forecast_total', { verdict: kind });
    report();
    return {
      kind,
      settle(outcome) {
        reserved -= 1;
        const said = saidBy(outcome);
        const at = { probe: kind === 'probe', number, sent, epoch: shelf.epoch, now: clock.now().mono };
        const mistaken = probes.answered(ownerOf(asked), said, at);
        if (mistaken || (said === 'no' && kind === 'admitted'))
          meter.count('quota_forecast_mistaken_total', { api: mistaken ? 'admitted' : 'refused' });
        const wait = outcome?.kind === 'applied' ? SHOWN_WITHIN : outcome?.kind === 'unknown' ? KNOWN_WITHIN : 0;
        if (wait === 0) giveBack(namespace, claims);
        else if (claims.some(stands)) clock.after(wait, () => giveBack(namespace, claims));
        if (mistaken) waiting.wake(namespace, address);
        report();
      },
    };
  };

  return {
    ask(asked) {
      const shelf = book.in(asked.namespace);
      if (shelf === undefined) return FREE;
      const wanted = wantedOf(asked, shelf, known, clock.now().wall);
      if (wanted.length === 0) return FREE;
      const stance = probes.stance(ownerOf(asked), shelf.epoch);
      const room = wanted.every(({ of, amounts, blocked }) => !blocked && fits(of, amounts));
      if (stance === 'mistaken' || (room && stance === 'asking')) return out(asked, shelf, wanted, 'admitted');
      const probe = probes.take(ownerOf(asked), clock.now().mono);
      if (probe.ok) return out(asked, shelf, wanted, 'probe');
      meter.count('quota_forecast_total', { verdict: 'delayed' });
      // Where the API server refuses what fits, as with what admission adds to a pod, room says nothing: another state may.
      waiting.add(asked.namespace, asked.address, room ? wanted.map((one) => ({ ...one, blocked: true })) : wanted);
      report();
      return { kind: 'delayed', retryAfter: probe.retryAfter };
    },
    follow: (cache) =>
      cache.subscribe('core/resourcequotas', (old, now) => {
        if (!book.change(old as ResourceQuota | undefined, now as ResourceQuota | undefined)) return;
        waiting.look((now ?? old)?.metadata?.namespace ?? '');
        report();
      }),
    onRoom(callback) {
      callbacks.add(callback);
      return () => callbacks.delete(callback);
    },
  };
}

const ownerOf = ({ owner, resource }: Asked): string => `${owner} ${resource}`;

function wantedOf(asked: Asked, shelf: Shelf, known: Known, wall: Ms): readonly Wanted[] {
  const { spec } = asked.object as Pod;
  if (asked.resource !== 'core/pods' || spec === undefined) return computed(asked, shelf, wall);
  const before = known.get(spec);
  if (before?.shelf === shelf && before.version === shelf.version) return before.wanted;
  const wanted = computed(asked, shelf, wall);
  known.set(spec, { shelf, version: shelf.version, wanted });
  return wanted;
}

function computed({ resource, object }: Asked, shelf: Shelf, wall: Ms): readonly Wanted[] {
  const evaluator = evaluatorOf(resource);
  if (evaluator === undefined) return [];
  const judged = resource === 'core/pods' ? withDefaults(object as Pod) : object;
  return [...shelf.quotas.values()].flatMap((of) => {
    const demand = demandOn(of.quota, judged, evaluator, wall);
    return demand === undefined ? [] : [{ of, ...demand, version: of.version }];
  });
}

/** Only words about quotas count; anything else says nothing of them. */
function saidBy(outcome: Outcome | undefined): Said {
  if (outcome?.kind === 'applied') return 'yes';
  return outcome?.kind === 'failed' && outcome.code === 'API_QUOTA_EXCEEDED' ? 'no' : 'nothing';
}
