import { type Json, jsonEqual } from '#core/json.ts';
import type { Deployment, ReplicaSet } from '#core/k8s/types.gen.ts';
import { isControlledBy } from '#core/owner.ts';
import type { Outcome, Patch, Write } from '#core/plan.ts';
import type { Labels, Matcher } from '#core/selector.ts';
import type { View } from '#core/view.ts';
import type { Listed } from './claim.ts';
import { everyone, type Family } from './family.ts';
import { sameTemplate, shortHash, templateHash } from './template.ts';

/**
 * What runs of a key learnt of ReplicaSets that do not become what was asked for, because admission changes them. To ask
 * again changes nothing, and would be done again without end.
 */
export interface Learnt {
  /** A ReplicaSet that was made, and came out as one that is not recognised: as long as it is there. */
  readonly futile?: Futile | undefined;
  /** Annotations that a ReplicaSet did not keep, as `wishes` names them. */
  readonly unkept: ReadonlySet<string>;
}

interface Futile {
  /** The hash of the template that it was made for. */
  readonly hash: string;
  /** Uids: of the Deployment, and of what was made. */
  readonly of: string;
  readonly made: string;
  readonly name: string;
}

/** A bound on the memory of a key; what is older makes room. */
const MOST = 500;
/** A patch with more members than that is remembered whole. */
const MANY = 50;

export function learntFrom(memory: Json | undefined): Learnt {
  const parts = partsOf(memory);
  const unkept = parts.get('unkept');
  const futile = parts.get('futile');
  return {
    unkept: new Set(Array.isArray(unkept) ? unkept.filter((one) => typeof one === 'string') : []),
    ...(isFutileMemory(futile) && { futile }),
  };
}

const isFutileMemory = (value: Json | undefined): value is Futile & { readonly [key: string]: Json } =>
  ['hash', 'of', 'made', 'name'].every((key) => typeof partsOf(value).get(key) === 'string');

const partsOf = (memory: Json | undefined): ReadonlyMap<string, Json> =>
  new Map(typeof memory === 'object' && memory !== null && !Array.isArray(memory) ? Object.entries(memory) : []);

/** The memory after a run: what became of claims, which has its own part of it, and what was learnt. */
export function memoryWith(
  before: Json | undefined,
  claims: { readonly memory?: Json },
  { futile, unkept }: Learnt,
): { readonly memory?: Json } {
  const fruitless = partsOf(claims.memory === undefined ? before : claims.memory).get('fruitless');
  const next: Json = {
    ...(fruitless !== undefined && { fruitless }),
    ...(futile !== undefined && { futile: { ...futile } }),
    ...(unkept.size > 0 && { unkept: [...unkept].slice(-MOST) }),
  };
  if (jsonEqual(next, before ?? {})) return {};
  return { memory: Object.keys(next).length === 0 ? null : next };
}

/** Without what is of no use any more: the template has its ReplicaSet, or is another one; a ReplicaSet is gone. */
export function stillOfUse(
  { futile, unkept }: Learnt,
  deployment: Deployment,
  family: Family,
  view: View<Listed>,
): Learnt {
  const uids = new Set(everyone(family).map(uidOf));
  const stands = futile !== undefined && family.newest === undefined && isFor(deployment, futile, view);
  return {
    unkept: new Set([...unkept].filter((wish) => uids.has(wish.slice(0, wish.lastIndexOf(' '))))),
    ...(stands && { futile }),
  };
}

/** Who took away what had come out wrong wishes for another try. */
function isFor(deployment: Deployment, { hash, of, made, name }: Futile, view: View<Listed>): boolean {
  const { namespace } = deployment.metadata ?? {};
  const found = view.get('apps/replicasets', { namespace, name });
  return of === uidOf(deployment) && hash === hashOf(deployment) && found?.metadata?.uid === made;
}

const hashOf = ({ spec }: Deployment): string => templateHash(spec.template, undefined);
const uidOf = ({ metadata }: Deployment | ReplicaSet): string => metadata?.uid ?? '';

/** Whether a patch asks for nothing but what the ReplicaSet did not keep. */
export function isUnkept({ ref, patch }: Patch, { unkept }: Learnt): boolean {
  const members = wishesIn(patch);
  return named(ref.uid, members, members).every((name) => unkept.has(name));
}

/** Whether the ReplicaSet did not keep this annotation. */
export const wasUnkept = (replicaSet: ReplicaSet, key: string, value: string, { unkept }: Learnt): boolean =>
  unkept.has(wish(uidOf(replicaSet), key, value));

const wish = (uid = '', key: string, value: Json): string => `${uid} ${shortHash([key, value])}`;

type Member = readonly [key: string, value: Json];

/** Names for these members of a patch: for each its own, or one for all of the patch where it has many. */
function named(uid: string | undefined, these: readonly Member[], all: readonly Member[]): readonly string[] {
  if (all.length <= MANY) return these.map(([key, value]) => wish(uid, key, value));
  return these.length === 0
    ? []
    : [
        wish(
          uid,
          '*',
          all.map(([key, value]) => [key, value]),
        ),
      ];
}

/** A patch of a ReplicaSet, member by member: annotations, and what there is of the spec. */
function wishesIn(patch: Patch['patch']): readonly Member[] {
  const { metadata, spec } = patch as { metadata?: { annotations?: Labels }; spec?: Readonly<Record<string, Json>> };
  const inSpec = Object.entries(spec ?? {}).map(([key, value]) => [`spec.${key}`, value] as const);
  return [...Object.entries(metadata?.annotations ?? {}), ...inSpec];
}

/** What these outcomes add. `deployment` is the one that was asked for, whatever became of it since. */
export function learntOf(
  before: Learnt,
  deployment: Deployment,
  selector: Matcher,
  outcomes: readonly Outcome[],
): Learnt {
  const strange = outcomes.find((outcome) => isUnrecognised(deployment, selector, outcome));
  return {
    futile: strange === undefined ? before.futile : futileOf(deployment, strange),
    unkept: new Set([...before.unkept, ...outcomes.flatMap(unkeptOf)]),
  };
}

function futileOf(deployment: Deployment, outcome: Outcome): Futile {
  const { uid: made = '', name = '' } = ('object' in outcome ? outcome.object?.metadata : undefined) ?? {};
  return { hash: hashOf(deployment), of: uidOf(deployment), made, name };
}

/** A ReplicaSet was made, and what the API server shows of it is not the Deployment's new one. */
export function isUnrecognised(deployment: Deployment, selector: Matcher, outcome: Outcome): boolean {
  if (outcome.kind !== 'applied' || outcome.write.verb !== 'create' || outcome.object === undefined) return false;
  const made = outcome.object as ReplicaSet;
  const isOurs = isControlledBy(made, deployment) && selector.matches(made.metadata?.labels);
  return !(isOurs && sameTemplate(made.spec.template, deployment.spec.template));
}

function unkeptOf(outcome: Outcome): readonly string[] {
  if (outcome.kind !== 'applied' || outcome.object === undefined || !isOfSet(outcome.write)) return [];
  const { ref, patch } = outcome.write;
  const answer = outcome.object as ReplicaSet;
  const has: ReadonlyMap<string, Json> = new Map<string, Json>([
    ...Object.entries(answer.metadata?.annotations ?? {}),
    ['spec.minReadySeconds', answer.spec.minReadySeconds ?? 0],
  ]);
  const members = wishesIn(patch);
  const lost = members.filter(([key, value]) => key !== 'spec.replicas' && (has.get(key) ?? null) !== value);
  return named(ref.uid, lost, members);
}

const isOfSet = (write: Write): write is Patch => write.verb === 'patch' && write.ref.resource === 'apps/replicasets';

/** It was done, and changed something: a patch that changes nothing leaves the version that it asked for. */
export function changed({ kind, write, ...more }: Outcome): boolean {
  if (kind !== 'applied' || write.verb !== 'patch' || !('object' in more)) return true;
  return more.object?.metadata?.resourceVersion !== write.resourceVersion;
}
