import type { ScopedResourceSelectorRequirement } from '../k8s/types.gen.ts';
import type { ApiObject } from '../resource.ts';
import type { Ms } from '../time.ts';
import type { Amounts } from './amounts.ts';

/** How quotas see the objects of one resource. */
export interface Evaluator<O extends ApiObject = ApiObject> {
  /** What one object takes, by the names that quotas have for it. `wall`: milliseconds since 1970. */
  usage(object: O, wall: Ms): Amounts;
  /** Whether a quota of that name concerns the resource. */
  tracks(name: string): boolean;
  inScope(object: O, requirement: ScopedResourceSelectorRequirement): boolean;
  /** Whether the object does not say what a quota of these names wants to be said: then it is refused. */
  unsaid?(object: O, names: readonly string[]): boolean;
}
