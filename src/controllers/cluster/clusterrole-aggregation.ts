import { allow, defineController, type Input, requires, type Wake } from '#core/controller.ts';
import { warning } from '#core/events.ts';
import type { ClusterRole, PolicyRule } from '#core/k8s/types.gen.ts';
import { refusal } from '#core/outcome.ts';
import { isOwnName } from '#core/own.ts';
import { type Apply, nothing, type Outcome, type Outcomes, type Plan, type PlannedEvent, write } from '#core/plan.ts';
import { keyOfObject, refOf } from '#core/ref.ts';
import type { View } from '#core/view.ts';
import { stillGiven } from './clusterrole-aggregation-parts/still-given.ts';
import { sameRules, unionOf } from './clusterrole-aggregation-parts/union.ts';

const ROLES = 'rbac.authorization.k8s.io/clusterroles';
/** Upstream's, so that it owns the rules still when upstream takes over again. */
const FIELD_MANAGER = 'clusterrole-aggregation-controller';

export const clusterroleAggregation = defineController({
  name: 'clusterrole-aggregation',
  upstreamRole: 'clusterrole-aggregation-controller',
  does: 'Gives each ClusterRole with an aggregation rule the rules of those that it selects.',
  events: true,
  rbac: [
    allow(ROLES, 'list', 'watch', 'patch'),
    requires(
      'rbac.authorization.k8s.io',
      'clusterroles',
      ['escalate'],
      'an aggregated ClusterRole gives rights that its writer does not hold',
    ),
  ],
  loops: [
    {
      queue: 'ClusterRoleAggregator',
      key: ROLES,
      // Which ones select it, or did, is not worth finding out: there are few.
      on: { [ROLES]: (_old, _now, view) => aggregated(view) },
      workers: 5,
      reconcile,
      settle,
    },
  ],
});

function aggregated(view: View<typeof ROLES>): readonly Wake[] {
  return view
    .list(ROLES)
    .filter(isAggregated)
    .map((role) => ({ key: keyOfObject(role) }));
}

function isAggregated({ aggregationRule, metadata }: ClusterRole): boolean {
  return aggregationRule !== undefined && !isOwnName(metadata?.name ?? '');
}

function reconcile({ object: role, view }: Input<typeof ROLES, ClusterRole>): Plan {
  if (role === undefined) return nothing('gone');
  if (!isAggregated(role)) return nothing('not-aggregated');
  const rules = unionOf(role, view.list(ROLES));
  if (rules === undefined) return nothing('invalid-selector');
  if (sameRules(rules, role.rules ?? [])) return nothing('in-order');
  return write('aggregate', applied(role, rules, 'aggregate'));
}

/**
 * A union that policy refuses (one source of all power is enough) must not keep what was revoked: what nobody gives any
 * more is taken away without it. Nothing new comes, until that source is gone.
 */
function settle({ object: role }: Input<typeof ROLES, ClusterRole>, outcomes: Outcomes): Plan {
  const refused = outcomes.flat().find(({ kind }) => kind === 'denied');
  if (role === undefined || refused?.write.verb !== 'apply') return nothing('settled');
  const held = role.rules ?? [];
  const left = stillGiven(held, (refused.write.object as ClusterRole).rules ?? []);
  const events = tell(role, refused);
  if (sameRules(left, held)) return nothing('refused', { events });
  return { ...write('take-away', applied(role, left, 'take-away')), events };
}

function tell(role: ClusterRole, refused: Outcome): readonly PlannedEvent[] {
  const why = refusal(refused);
  if (why === undefined) return [];
  return [warning(refOf(ROLES, role), 'FailedAggregation', `Rules that are new are not aggregated: ${why}`)];
}

function applied(role: ClusterRole, rules: readonly PolicyRule[], reason: string): Apply {
  const { apiVersion, kind, metadata } = role;
  return {
    verb: 'apply',
    ref: refOf(ROLES, role),
    // An empty list too: upstream leaves it out then, and so never takes rules away that someone else wrote.
    object: { apiVersion, kind, metadata: { name: metadata?.name }, rules } as ClusterRole,
    fieldManager: FIELD_MANAGER,
    after: { ...role, rules } as ClusterRole,
    // Who takes the aggregation rule away and writes rules of their own must not lose them.
    ...(metadata?.resourceVersion !== undefined && { resourceVersion: metadata.resourceVersion }),
    reason,
  };
}
