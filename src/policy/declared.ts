import { BREAKER } from '#core/breaker.ts';
import type { Controller, Permission, Verb } from '#core/controller.ts';
import { apiVersionOf, type Resource, resourceInfo } from '#core/resource.ts';

/** What one controller may write, in the shape that `policies/lib/declared.rego` reads. */
export interface DeclaredController {
  readonly events: boolean;
  /** `apps/v1 ReplicaSet`: kinds that its Events may tell of, those it reconciles or writes; `*`: all. */
  readonly regards: readonly string[];
  /** By `group/plural[/subresource]`, then by verb. `names` null: any name. */
  readonly writes: Readonly<Record<string, Readonly<Record<string, { readonly names: readonly string[] | null }>>>>;
  /** Verbs on every resource there is, subresources not among them. */
  readonly anywhere?: readonly string[];
}
export interface DeclaredData {
  readonly declared: { readonly controllers: Readonly<Record<string, DeclaredController>> };
}

const READS: ReadonlySet<Verb> = new Set(['get', 'list', 'watch']);

/** The data that binds policy to the declarations: generated, signed with the bundle, compared in a test. */
export function declaredData(controllers: readonly Controller[]): DeclaredData {
  const entries = [...controllers, BREAKER].map((controller) => [controller.name, declare(controller)] as const);
  return { declared: { controllers: Object.fromEntries(entries.sort(byKey)) } };
}

function declare({ events, loops, rbac }: Controller): DeclaredController {
  const grants = rbac.flatMap(writesOf);
  const keys = loops.flatMap(({ key }) => (key === 'singleton' || key === 'string' ? [] : [key]));
  const regards = new Set([...keys, ...grants.map(({ resource }) => resource)].map(kindOf));
  const anywhere = rbac.flatMap((one) => (one.kind === 'any' ? one.verbs.filter((verb) => !READS.has(verb)) : []));
  const targets = new Map<string, Map<string, ReadonlySet<string> | null>>();
  for (const { target, verb, names } of grants) {
    const verbs = targets.get(target) ?? new Map<string, ReadonlySet<string> | null>();
    verbs.set(verb, verbs.has(verb) ? widest(verbs.get(verb) ?? null, names) : names);
    targets.set(target, verbs);
  }
  return {
    events,
    // Who has no loop of its own tells of what others do.
    regards: anywhere.length > 0 || loops.length === 0 ? ['*'] : [...regards].sort(),
    writes: sorted(targets, (verbs) =>
      sorted(verbs, (names) => ({ names: names === null ? null : [...names].sort() })),
    ),
    ...(anywhere.length > 0 && { anywhere: [...new Set(anywhere)].sort() }),
  };
}

interface WriteGrant {
  readonly resource: Resource;
  readonly target: string;
  readonly verb: Verb;
  readonly names: ReadonlySet<string> | null;
}

function writesOf(permission: Permission): WriteGrant[] {
  if (permission.kind !== 'allow') return [];
  const { resource, subresource, verbs, resourceNames } = permission;
  const target = subresource === undefined ? resource : `${resource}/${subresource}`;
  const names = resourceNames === undefined ? null : new Set(resourceNames);
  return verbs.filter((verb) => !READS.has(verb)).map((verb) => ({ resource, target, verb, names }));
}

function widest(a: ReadonlySet<string> | null, b: ReadonlySet<string> | null): ReadonlySet<string> | null {
  return a === null || b === null ? null : a.union(b);
}

function kindOf(resource: Resource): string {
  return `${apiVersionOf(resource)} ${resourceInfo(resource).kind}`;
}

function sorted<V, R>(map: ReadonlyMap<string, V>, to: (value: V) => R): Record<string, R> {
  return Object.fromEntries([...map].sort(byKey).map(([key, value]) => [key, to(value)]));
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
