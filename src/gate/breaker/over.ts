import type { ApiObject } from '#core/resource.ts';
import type { Lookup } from './lookup.ts';
import type { Hold, Root } from './port.ts';

/** Why nothing is left of what was held, as the cache shows it; undefined where it stands. */
export function overBecause({ scope, root, ...hold }: Hold, lookup: Lookup): string | undefined {
  if (scope === 'cluster') return undefined;
  // What the first plan would have taken lay in one namespace; what else waits for its cause may lie in others.
  const namespace = scope === 'namespace' ? hold.namespace : root.ref?.namespace;
  if (namespace !== undefined && isGone(namespace, lookup)) return 'the namespace is gone';
  if (scope === 'namespace') return undefined;
  const there = ownerOf(root, lookup) !== undefined;
  if (there) return root.present ? undefined : 'the owner is there again';
  return root.present && isListed(root, lookup) ? 'the owner is gone' : undefined;
}

/** The owner under the uid that is held; one that was known by its name alone, under that. */
export function ownerOf(root: Root, lookup: Lookup): ApiObject | undefined {
  const { ref } = root;
  const found = ref !== undefined && isListed(root, lookup) ? lookup.get(ref.resource, ref) : undefined;
  return ref?.uid === undefined || found?.metadata?.uid === ref.uid ? found : undefined;
}

const isListed = ({ ref }: Root, lookup: Lookup): boolean => ref !== undefined && lookup.holds(ref.resource);

const isGone = (namespace: string, lookup: Lookup): boolean =>
  lookup.holds('core/namespaces') && lookup.get('core/namespaces', { name: namespace }) === undefined;
