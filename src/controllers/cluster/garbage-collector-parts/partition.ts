import { type Identity, identityOfOwner, matches, type Node } from './node.ts';
import { referencesTo } from './references.ts';

/** The dependents of an owner by whether they name it as it is; one with several references may be among both. */
export function partition(
  dependents: Iterable<Node>,
  identity: Identity,
): { readonly matching: readonly Node[]; readonly others: readonly Node[] } {
  const matching: Node[] = [];
  const others: Node[] = [];
  for (const dependent of dependents) {
    const elsewhere = identity.namespace !== '' && identity.namespace !== dependent.identity.namespace;
    const named = referencesTo(dependent.owners, identity.uid);
    const right = elsewhere ? [] : named.filter((reference) => matches(reference, identity));
    if (right.length > 0) matching.push(dependent);
    if (elsewhere || right.length < named.length) others.push(dependent);
  }
  return { matching, others };
}

/**
 * Another identity that dependents give to an owner of which one was found absent: the next one in order, and after
 * the last the first, so that all have their turn. Undefined when there is none.
 */
export function alternateIdentity(dependents: readonly Node[], absent: Identity): Identity | undefined {
  const found = dependents
    .flatMap((dependent) =>
      referencesTo(dependent.owners, absent.uid).map((reference) =>
        scoped(identityOfOwner(reference, dependent.identity.namespace), absent),
      ),
    )
    .filter((identity) => compare(identity, absent) !== 0)
    .sort(compare);
  return found.find((identity) => compare(identity, absent) > 0) ?? found[0];
}

/** A kind that is known to be cluster-scoped has no namespace, whoever names it. */
function scoped(identity: Identity, absent: Identity): Identity {
  const same = identity.apiVersion === absent.apiVersion && identity.kind === absent.kind;
  return absent.namespace === '' && same ? { ...identity, namespace: '' } : identity;
}

const ORDER = ['kind', 'apiVersion', 'namespace', 'name', 'uid'] as const;

function compare(a: Identity, b: Identity): number {
  for (const part of ORDER) if (a[part] !== b[part]) return a[part] < b[part] ? -1 : 1;
  return 0;
}
