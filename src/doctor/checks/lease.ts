import type { Ms } from '#core/time.ts';
import { fail, ok, some, untold, warn } from '../finding.ts';
import type { Facts, Finding, LeaseFact } from '../port.ts';

type LeaseFacts = Pick<Facts, 'leases' | 'server' | 'setting' | 'now'>;

/** Who leads, since when nothing was heard, and who else is at the same work. */
export function checkLeases(facts: LeaseFacts): Finding[] {
  const { leases, setting } = facts;
  const check = 'lease';
  if (!leases.ok) return [untold(check, leases.why)];
  const others = ofOthers(leases.value.others, facts);
  if (!setting.lease.enabled)
    return [
      warn(
        check,
        'leader election is off',
        'make sure that no second replica runs: nothing else keeps it from writing',
      ),
      ...others,
    ];
  return [ofOurs(leases.value.ours, facts), ...others];
}

function ofOurs(lease: LeaseFact | undefined, facts: LeaseFacts): Finding {
  const check = 'lease';
  const { namespace, name } = facts.setting.lease;
  const start = 'start comptroller run, on every replica; its log says why it does not lead';
  if (lease === undefined)
    return fail(check, `there is no Lease ${namespace}/${name}: nobody runs the controllers`, start);
  if (lease.holder === '') return fail(check, 'nobody holds the lease: no controller runs', start);
  const age = ageOf(lease, facts);
  const heard = age === undefined ? 'never renewed' : `renewed ${(age / 1000).toFixed(0)} s ago`;
  const says = `${lease.holder} holds it, ${heard}`;
  if (age === undefined || age > lease.duration)
    return fail(check, `${says}: it has run out, no controller runs`, start);
  if (lease.by === 'another')
    return warn(
      check,
      `${says}, and does not write a ledger's anchor: upstream's manager leads, Comptroller waits`,
      "stop kube-controller-manager, or give it another --leader-elect-resource-name and take Comptroller's controllers from it",
    );
  return ok(check, says);
}

/** By the server's clock, which the holder's is held against as well. */
function ageOf({ renewed }: LeaseFact, { server, now }: LeaseFacts): Ms | undefined {
  if (renewed === undefined) return undefined;
  const there = server.ok && server.value.there !== undefined ? server.value.there - server.value.here : 0;
  // Whole seconds say nothing about less than two.
  return Math.max(0, now + (Math.abs(there) < 2_000 ? 0 : there) - renewed);
}

function ofOthers(others: readonly LeaseFact[], facts: LeaseFacts): Finding[] {
  const check = 'other-managers';
  const fresh = others.filter(
    (one) => one.holder !== '' && (ageOf(one, facts) ?? Number.POSITIVE_INFINITY) <= one.duration,
  );
  if (fresh.length === 0) return [ok(check, 'no other lease of a controller manager is fresh')];
  const { controllers } = facts.setting;
  return fresh.map(({ namespace, name, holder }) =>
    warn(
      check,
      `${holder} holds ${namespace}/${name}: a manager at work beside this one`,
      `see that its --controllers leave out what runs here: ${some(controllers.map((one) => `-${one}`)).replaceAll('; ', ',')} (upstream adds -controller to most names)`,
    ),
  );
}
