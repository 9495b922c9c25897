import type { ClusterRole, PolicyRule } from '#core/k8s/types.gen.ts';
import { selectorOf } from '#core/selector.ts';

/**
 * Upstream's union: selector by selector, the selected ClusterRoles by name and without itself, their rules in order,
 * each once. Undefined when a selector is invalid.
 */
export function unionOf(role: ClusterRole, all: readonly ClusterRole[]): readonly PolicyRule[] | undefined {
  const others = all.filter(({ metadata }) => metadata?.name !== role.metadata?.name).sort(byName);
  const union = new Map<string, PolicyRule>();
  for (const wished of role.aggregationRule?.clusterRoleSelectors ?? []) {
    const selector = selectorOf(wished);
    if (selector === undefined) return undefined;
    for (const { metadata, rules } of others) {
      if (!selector.matches(metadata?.labels)) continue;
      for (const rule of rules ?? []) {
        const id = idOf(rule);
        if (!union.has(id)) union.set(id, plain(rule));
      }
    }
  }
  return [...union.values()];
}

/** In the same order, as upstream compares them. */
export function sameRules(left: readonly PolicyRule[], right: readonly PolicyRule[]): boolean {
  return left.length === right.length && left.every((rule, at) => idOf(rule) === idOf(right[at] as PolicyRule));
}

/** The same for the same rule: order counts, an empty list is an absent one. */
function idOf({ verbs, apiGroups, resources, resourceNames, nonResourceURLs }: PolicyRule): string {
  return JSON.stringify([verbs, apiGroups, resources, resourceNames, nonResourceURLs].map((list) => list ?? []));
}

/** What is sent: the members that have values. */
function plain({ verbs, apiGroups, resources, resourceNames, nonResourceURLs }: PolicyRule): PolicyRule {
  return {
    ...filled('apiGroups', apiGroups),
    ...filled('nonResourceURLs', nonResourceURLs),
    ...filled('resourceNames', resourceNames),
    ...filled('resources', resources),
    verbs,
  };
}

function filled(name: keyof PolicyRule, list: readonly string[] | undefined): Partial<PolicyRule> {
  return list === undefined || list === null || list.length === 0 ? {} : { [name]: list };
}

function byName({ metadata: a }: ClusterRole, { metadata: b }: ClusterRole): number {
  return (a?.name ?? '') < (b?.name ?? '') ? -1 : 1;
}
