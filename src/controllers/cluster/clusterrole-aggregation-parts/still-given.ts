import type { PolicyRule } from '#core/k8s/types.gen.ts';

/** What rules give, one right at a time and word for word: `*` stands for itself alone. */
interface Given {
  readonly rights: ReadonlySet<string>;
  /** Rights on some names only. */
  readonly named: ReadonlyMap<string, ReadonlySet<string>>;
}

/**
 * Of `held` what the union gives as well, in whatever rules: one that is given whole stays as it stands, of another the
 * part that is. What the union words otherwise (a star for a list) counts as not given.
 */
export function stillGiven(held: readonly PolicyRule[], union: readonly PolicyRule[]): readonly PolicyRule[] {
  const given = givenBy(union);
  return held.flatMap((rule) => partOf(rule, given));
}

function givenBy(rules: readonly PolicyRule[]): Given {
  const rights = new Set<string>();
  const named = new Map<string, Set<string>>();
  for (const rule of rules) {
    const names = rule.resourceNames ?? [];
    for (const target of targetsOf(rule))
      for (const verb of rule.verbs) {
        const right = rightOf(target, verb);
        if (names.length === 0 || 'url' in target) rights.add(right);
        else named.set(right, new Set([...(named.get(right) ?? []), ...names]));
      }
  }
  return { rights, named };
}

type Target = { readonly group: string; readonly resource: string } | { readonly url: string };

function targetsOf({ apiGroups, resources, nonResourceURLs }: PolicyRule): readonly Target[] {
  const pairs = (apiGroups ?? []).flatMap((group) => (resources ?? []).map((resource) => ({ group, resource })));
  return [...pairs, ...(nonResourceURLs ?? []).map((url) => ({ url }))];
}

const rightOf = (target: Target, verb: string): string =>
  JSON.stringify('url' in target ? [target.url, verb] : [target.group, target.resource, verb]);

function partOf(rule: PolicyRule, { rights, named }: Given): readonly PolicyRule[] {
  const names = rule.resourceNames ?? [];
  const isGiven = (right: string): boolean =>
    rights.has(right) || (names.length > 0 && names.every((name) => named.get(right)?.has(name) === true));
  const parts = targetsOf(rule).map((target) => ({
    target,
    verbs: rule.verbs.filter((verb) => isGiven(rightOf(target, verb))),
  }));
  if (parts.every(({ verbs }) => verbs.length === rule.verbs.length)) return [rule];
  return parts.filter(({ verbs }) => verbs.length > 0).map(({ target, verbs }) => ruleOf(target, verbs, names));
}

function ruleOf(target: Target, verbs: string[], names: readonly string[]): PolicyRule {
  if ('url' in target) return { nonResourceURLs: [target.url], verbs };
  const { group, resource } = target;
  return { apiGroups: [group], resources: [resource], ...(names.length > 0 && { resourceNames: [...names] }), verbs };
}
