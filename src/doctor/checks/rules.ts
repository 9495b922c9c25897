/** One permission: so many of them are a role. */
interface Atom {
  /** An API group and resource, or a URL outside the resources. */
  readonly on: string;
  readonly name: string;
  readonly verb: string;
}

const URL_MARK = 'URL ';

interface Rule {
  readonly apiGroups?: unknown;
  readonly resources?: unknown;
  readonly resourceNames?: unknown;
  readonly nonResourceURLs?: unknown;
  readonly verbs?: unknown;
}

/** How two lists of rules differ, permission by permission: `apps/replicasets/status: patch`, with `(name)` where limited. */
export function compareRules(
  wanted: unknown,
  found: unknown,
): { readonly missing: readonly string[]; readonly superfluous: readonly string[] } {
  const [left, right] = [atomsOf(wanted), atomsOf(found)];
  return {
    missing: told(left.filter((atom) => !right.some((other) => covers(other, atom)))),
    superfluous: told(right.filter((atom) => !left.some((other) => covers(other, atom)))),
  };
}

function atomsOf(rules: unknown): Atom[] {
  return (Array.isArray(rules) ? (rules as Rule[]) : []).flatMap((rule) => {
    const verbs = words(rule?.verbs);
    const urls = words(rule?.nonResourceURLs);
    const names = words(rule?.resourceNames);
    const on = words(rule?.apiGroups).flatMap((group) =>
      words(rule?.resources).map((resource) => `${group === '' ? 'core' : group}/${resource}`),
    );
    const atoms = on.flatMap((at) => (names.length === 0 ? [''] : names).map((name) => ({ on: at, name })));
    return [...atoms, ...urls.map((url) => ({ on: `${URL_MARK}${url}`, name: '' }))].flatMap((atom) =>
      verbs.map((verb) => ({ ...atom, verb })),
    );
  });
}

function words(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((word) => typeof word === 'string') : [];
}

/** Whether who has the first also has the second. */
function covers(has: Atom, needs: Atom): boolean {
  const verb = has.verb === '*' || has.verb === needs.verb;
  const name = has.name === '' || has.name === needs.name;
  return verb && name && coversTarget(has.on, needs.on);
}

function coversTarget(has: string, needs: string): boolean {
  if (has === needs) return true;
  if (has.startsWith(URL_MARK) || needs.startsWith(URL_MARK))
    return has.startsWith(URL_MARK) && has.endsWith('*') && needs.startsWith(has.slice(0, -1));
  const [hasGroup = '', hasResource = '', hasSub] = has.split('/');
  const [group = '', resource = '', sub] = needs.split('/');
  if (hasGroup !== '*' && hasGroup !== group) return false;
  if (hasResource === '*') return hasSub === undefined || hasSub === sub;
  return hasResource === resource && hasSub === sub;
}

/** Verbs of one target together. */
function told(atoms: readonly Atom[]): string[] {
  const byTarget = Map.groupBy(atoms, ({ on, name }) => (name === '' ? on : `${on} (${name})`));
  return [...byTarget]
    .map(([target, all]) => `${target}: ${[...new Set(all.map(({ verb }) => verb))].sort().join(', ')}`)
    .sort();
}
