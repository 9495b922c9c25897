import type { Ms } from '#core/time.ts';

export interface Sums {
  readonly bare: number;
  readonly all: number;
}

export interface Minute extends Sums {
  /** Of 1970. */
  readonly minute: number;
  /** The parts of namespaces in it. */
  readonly of: readonly (Sums & { readonly namespace: string })[];
}

/** What was lost in all in the last ten minutes, by the minute. */
export interface Window {
  /** `namespace`: of what was lost, where all of it lies in one. */
  add(more: Sums, namespace: string | undefined, wall: Ms): void;
  sums(wall: Ms): Sums;
  within(namespace: string, wall: Ms): Sums;
  list(): readonly Minute[];
  /** Begins anew: for one namespace, or in all. */
  clear(namespace?: string): void;
}

const MINUTE: Ms = 60_000;
const LENGTH = 10;
/** Of each minute so many namespaces are kept over a restart, the largest. */
const MAX_KEPT = 50;

export const minuteOf = (wall: Ms): number => Math.floor(wall / MINUTE);
/** What lies a little ahead counts as well: the wall clock may have been set back. */
export const isRecent = (minute: number, wall: Ms): boolean => Math.abs(minute - minuteOf(wall)) < LENGTH;

const NOTHING: Sums = { bare: 0, all: 0 };
const plus = (a: Sums, b: Sums): Sums => ({ bare: Math.max(0, a.bare + b.bare), all: Math.max(0, a.all + b.all) });

/** As it is counted with: the parts are many, and one of them changes at a time. */
interface Counted extends Sums {
  readonly of: Map<string, Sums>;
}

export function createWindow(from: readonly Minute[]): Window {
  const kept = new Map<number, Counted>(
    from.map(({ minute, of, ...sums }) => [minute, { ...sums, of: new Map(of.map((one) => [one.namespace, one])) }]),
  );
  const recent = (wall: Ms): readonly Counted[] => {
    for (const minute of kept.keys()) if (!isRecent(minute, wall)) kept.delete(minute);
    return [...kept.values()];
  };
  return {
    add(more, namespace, wall) {
      recent(wall);
      const minute = minuteOf(wall);
      const found = kept.get(minute) ?? { ...NOTHING, of: new Map() };
      if (namespace !== undefined) found.of.set(namespace, plus(found.of.get(namespace) ?? NOTHING, more));
      kept.set(minute, { ...plus(found, more), of: found.of });
    },
    sums: (wall) => recent(wall).reduce<Sums>(plus, NOTHING),
    within: (namespace, wall) =>
      recent(wall).reduce<Sums>((sum, { of }) => plus(sum, of.get(namespace) ?? NOTHING), NOTHING),
    list: () => [...kept].map(([minute, { bare, all, of }]) => ({ minute, bare, all, of: largest(of) })),
    clear(namespace) {
      if (namespace === undefined) kept.clear();
      else for (const { of } of kept.values()) of.delete(namespace);
    },
  };
}

function largest(of: ReadonlyMap<string, Sums>): Minute['of'] {
  const all = [...of].map(([namespace, { bare, all }]) => ({ namespace, bare, all }));
  return all.length <= MAX_KEPT ? all : all.sort((a, b) => b.all - a.all).slice(0, MAX_KEPT);
}
