import { type Controller, listedBy, type Tracking, watchesAll } from '#core/controller.ts';
import type { Json } from '#core/json.ts';
import type { Enqueue } from '#core/plan.ts';
import type { ApiObject, Resource } from '#core/resource.ts';
import type { View } from '#core/view.ts';
import type { RunnerParts } from './ports.ts';

/** A controller's derived state at work. */
export interface Derived {
  readonly state: () => unknown;
  learn(learnt: readonly Json[]): void;
}

/** Folds what is there and every transition; what the folds return is put into the queues. */
export function foldDerived(
  { derive, rbac, name }: Controller,
  view: View<Resource>,
  { cache, clock, log }: RunnerParts,
  wake: (wakes: readonly Enqueue[]) => void,
  stops: (() => void)[],
): Derived {
  if (derive === undefined) return { state: () => undefined, learn: () => undefined };
  const state = derive.initial();
  // A fold that throws on one hostile object must not cost the others theirs (I15).
  const guarded = (act: () => readonly Enqueue[]): void => {
    try {
      wake(act());
    } catch (error) {
      log.error('folding a transition threw', { controller: name, error: error instanceof Error ? error.name : '' });
    }
  };
  const fold = (resource: Resource, old: ApiObject | undefined, now: ApiObject | undefined): void =>
    guarded(() => derive.fold(state, resource, old, now, clock.now()));
  if (watchesAll(rbac)) {
    const tell = (tracking: Tracking): void => guarded(() => derive.tracked?.(state, tracking, clock.now()) ?? []);
    stops.push(cache.tracked.subscribe(fold), cache.tracked.onChange(tell));
    tell(cache.tracked.current());
  } else {
    for (const resource of listedBy(rbac)) {
      for (const object of view.list(resource)) fold(resource, undefined, object);
      stops.push(cache.subscribe(resource, (old, now) => fold(resource, old, now)));
    }
  }
  return {
    state: () => state,
    learn: (learnt) => {
      for (const one of learnt) guarded(() => derive.learn?.(state, one, clock.now()) ?? []);
    },
  };
}
