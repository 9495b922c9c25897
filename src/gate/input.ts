import { hash } from 'node:crypto';
import type { JsonObject } from '#core/json.ts';
import { OWN_NAMESPACE } from '#core/own.ts';
import type { DeleteCollection, Write } from '#core/plan.ts';
import type { Ref } from '#core/ref.ts';
import type { WireRequest } from '#core/request.ts';
import { type ApiObject, apiVersionOf, pluralOf, type Resource, resourceInfo } from '#core/resource.ts';
import type { Now } from '#core/time.ts';
import type { Epoch } from '#leader/port.ts';
import type { BundleId, Cause, Fact, ObjectName, PolicyInput } from '#policy/port.ts';
import type { Pending, Work } from './work.ts';

/** What policy may know of the cluster beside the write itself. */
export interface FactSource {
  namespace(name: string): ApiObject | undefined;
  untracked(resource: Resource): readonly string[];
}

export interface InputContext {
  readonly cluster: string;
  readonly epoch: Epoch | undefined;
  readonly bundle: BundleId;
  readonly user: string;
  readonly facts: FactSource;
  readonly now: Now;
}

const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const;

/** The public input contract for one pending write: computed from the same request that will be sent (I17). */
export function policyInput(pending: Pending, work: Work, context: InputContext): PolicyInput {
  const { request } = pending;
  const untracked = context.facts.untracked(request.target.resource);
  return {
    version: 'comptroller.dev/policy/v1',
    time: timeOf(context.now),
    mode: 'enforce',
    cluster: { name: context.cluster },
    epoch: context.epoch ?? null,
    bundle: context.bundle,
    controller: { name: work.controller.name, identity: context.user },
    write: describe(pending.write, request),
    object: pending.after ?? null,
    before: pending.before ?? null,
    patch: request.verb === 'patch' && request.body !== undefined ? (JSON.parse(request.body) as JsonObject) : null,
    partial: untracked.length > 0,
    untracked,
    cause: pending.cause,
    facts: factsOf(work, pending, context.facts),
  };
}

/** Lower-case hexadecimal SHA-256 of the canonical input, which is the text that was judged: what an intent's record names. */
export function inputDigest(text: string): string {
  return hash('sha256', text, 'hex');
}

function timeOf({ wall }: Now): PolicyInput['time'] {
  const date = new Date(wall);
  return {
    rfc3339: date.toISOString(),
    weekday: WEEKDAYS[date.getUTCDay()] ?? 'Sunday',
    hour: date.getUTCHours(),
    zone: 'UTC',
  };
}

function describe(write: Write, { class: requestClass, verb, target }: WireRequest): PolicyInput['write'] {
  const { group } = resourceInfo(target.resource);
  const resourceVersion = 'resourceVersion' in write ? write.resourceVersion : undefined;
  return {
    class: requestClass === 'event' ? 'event' : 'write',
    verb,
    group,
    apiVersion: apiVersionOf(target.resource),
    kind: resourceInfo(target.resource).kind,
    resource: pluralOf(target.resource),
    subresource: target.subresource ?? '',
    namespace: target.namespace ?? '',
    name: target.name ?? '',
    uid: target.uid ?? '',
    propagation: write.verb === 'delete' || write.verb === 'deletecollection' ? (write.propagation ?? '') : '',
    preconditions: {
      ...(target.uid !== undefined && { uid: target.uid }),
      ...(resourceVersion !== undefined && { resourceVersion }),
    },
    ...(write.verb === 'deletecollection' && {
      selection: selectionOf(write),
    }),
  };
}

/**
 * What a deletion of many is meant for. A selector of fields is shown as well: a rule that knows none refuses both. All
 * of Comptroller's own namespace is protected; elsewhere only kinds with protected names hold what is, and of those
 * policy allows no deletion of many at all.
 */
function selectionOf(write: DeleteCollection): NonNullable<PolicyInput['write']['selection']> {
  const selector = [write.labelSelector ?? '', write.fieldSelector ?? ''].filter((part) => part !== '').join(';');
  return { selector, count: write.expected, protected: write.namespace === OWN_NAMESPACE ? write.expected : 0 };
}

function factsOf(work: Work, { request, write, after }: Pending, source: FactSource): PolicyInput['facts'] {
  const { target } = request;
  const name = target.resource === 'core/namespaces' ? target.name : target.namespace;
  const namespace = name === undefined ? undefined : source.namespace(name);
  return {
    ...(namespace !== undefined && { namespace: namespaceFact(namespace) }),
    ...(work.trigger !== undefined && {
      owner: ownerFact(work.trigger.ref, work.trigger.object, write.verb === 'create' && hasTemplate(after)),
    }),
  };
}

/** What policy is told of a namespace. */
export function namespaceFact(
  namespace: ApiObject & { status?: { phase?: string } },
): Required<PolicyInput['facts']>['namespace'] {
  const { name = '', labels = {}, resourceVersion = '', deletionTimestamp } = namespace.metadata ?? {};
  const value = {
    name,
    labels,
    phase: namespace.status?.phase ?? '',
    ...(deletionTimestamp !== undefined && { deletionTimestamp }),
  };
  return { value, source: 'cache', resourceVersion };
}

interface Specified extends ApiObject {
  readonly spec?: JsonObject;
}

const hasTemplate = (object: Specified | undefined): boolean => object?.spec?.template !== undefined;

/**
 * The reconciled object without its pod template: rules judge what is written, and inputs stay small. Where an object
 * with a template is made, rules compare the two.
 */
function ownerFact(ref: Ref, object: Specified, whole: boolean): Fact<ApiObject> {
  const { template, ...others } = object.spec ?? {};
  const spec = whole && template !== undefined ? { ...others, template } : others;
  const { managedFields: _fields, annotations: _annotations, ...metadata } = object.metadata ?? {};
  const value = { apiVersion: apiVersionOf(ref.resource), kind: resourceInfo(ref.resource).kind, metadata, spec };
  return { value: value as ApiObject, source: 'cache', resourceVersion: object.metadata?.resourceVersion ?? '' };
}

/** Why this write: the trigger with its own owners, or the root that the plan names, and what is ending. */
export function causeOf(
  reason: string,
  { trigger, blast }: Pick<Work, 'trigger' | 'blast'>,
  namespace: ApiObject | undefined,
): Cause {
  const object = trigger?.object;
  const owners = (object?.metadata?.ownerReferences ?? []).slice(0, 8).map((owner) => ({
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    ...(object?.metadata?.namespace !== undefined && { namespace: object.metadata.namespace }),
    name: owner.name,
    uid: owner.uid,
  }));
  return {
    reason,
    ...(trigger !== undefined && { trigger: nameOf(trigger.ref) }),
    owners: trigger === undefined && blast !== undefined ? [nameOf(blast.root)] : owners,
    evidence: blast?.evidence ?? evidenceOf(object, namespace),
  };
}

function evidenceOf(object: ApiObject | undefined, namespace: ApiObject | undefined): Cause['evidence'] {
  if (object?.metadata?.deletionTimestamp !== undefined) return 'owner-terminating';
  return namespace?.metadata?.deletionTimestamp !== undefined ? 'namespace-terminating' : 'absent';
}

export function nameOf(ref: Ref): ObjectName {
  return {
    apiVersion: apiVersionOf(ref.resource),
    kind: resourceInfo(ref.resource).kind,
    ...(ref.namespace !== undefined && { namespace: ref.namespace }),
    name: ref.name,
    ...(ref.uid !== undefined && { uid: ref.uid }),
  };
}
