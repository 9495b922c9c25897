import type { Wake } from './controller.ts';
import { jsonEqual } from './json.ts';
import type { LabelSelector } from './k8s/types.gen.ts';
import { controllerOf } from './owner.ts';
import { keyOfObject } from './ref.ts';
import { type ApiObject, type ObjectOf, type Resource, resourceInfo } from './resource.ts';
import { selectorOf } from './selector.ts';
import type { View } from './view.ts';

/** Kinds that claim what their selector matches. */
type Selecting = Extract<Resource, 'apps/replicasets' | 'apps/deployments'>;

/**
 * Which owners a change of a dependent concerns: its owner, its former owner, or, for an orphan, who may adopt it.
 * Nothing where the version did not change.
 */
export function ownerWakes<R extends Selecting>(
  owners: R,
  old: ApiObject | undefined,
  now: ApiObject | undefined,
  view: View<NoInfer<R>>,
): readonly Wake[] {
  if (old?.metadata?.resourceVersion !== undefined && old.metadata.resourceVersion === now?.metadata?.resourceVersion) {
    return [];
  }
  const wakes: Wake[] = [];
  const [before, after] = [old && ownerIn(owners, old, view), now && ownerIn(owners, now, view)];
  if (before !== undefined && before !== after) wakes.push({ key: keyOfObject(before) });
  if (after !== undefined) wakes.push({ key: keyOfObject(after) });
  if (now !== undefined && controllerOf(now) === undefined && mayBeAdopted(old, now)) {
    wakes.push(...adopters(owners, now, view).map((owner) => ({ key: keyOfObject(owner) })));
  }
  return wakes;
}

/** The controller of an object, by name, then by uid: another one may have taken the name. */
export function ownerIn<R extends Selecting>(
  owners: R,
  object: ApiObject,
  view: View<NoInfer<R>>,
): ObjectOf<R> | undefined {
  const reference = controllerOf(object);
  if (reference?.kind !== resourceInfo(owners).kind) return undefined;
  const found = view.get(owners, { namespace: object.metadata?.namespace, name: reference.name });
  return found?.metadata?.uid === reference.uid ? found : undefined;
}

function mayBeAdopted(old: ApiObject | undefined, now: ApiObject): boolean {
  if (now.metadata?.deletionTimestamp !== undefined) return false;
  if (old === undefined) return true;
  return !jsonEqual(old.metadata?.labels, now.metadata?.labels) || controllerOf(old) !== undefined;
}

/** A selector that restricts nothing must not adopt everything. */
function adopters<R extends Selecting>(owners: R, object: ApiObject, view: View<NoInfer<R>>): readonly ApiObject[] {
  return view.list(owners, object.metadata?.namespace).filter((owner: ApiObject & Selector) => {
    const selector = selectorOf(owner.spec.selector);
    return selector !== undefined && !selector.empty && selector.matches(object.metadata?.labels);
  });
}

interface Selector {
  readonly spec: { readonly selector: LabelSelector };
}
