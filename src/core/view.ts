import type { ObjectOf, Resource } from './resource.ts';

/**
 * What a controller may see of the cache: exactly the resources it declares to list. Objects are frozen and shared.
 * Reading another resource does not compile, and throws (I6).
 */
export interface View<L extends Resource> {
  get<R extends L>(resource: R, at: { namespace?: string | undefined; name: string }): ObjectOf<R> | undefined;
  /** All of a resource, or of one namespace. Do not keep the array. */
  list<R extends L>(resource: R, namespace?: string): readonly ObjectOf<R>[];
  /** The objects whose controller reference has that uid. */
  controlledBy<R extends L>(resource: R, ownerUid: string): readonly ObjectOf<R>[];
  /** The objects of a namespace that no controller owns. */
  orphans<R extends L>(resource: R, namespace: string): readonly ObjectOf<R>[];
}
