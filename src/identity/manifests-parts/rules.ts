import { type Controller, type Grant, type Permission, type Requirement, watchesAll } from '#core/controller.ts';
import type { Resource } from '#core/resource.ts';
import { type DoorRule, type PolicyRule, SYSTEM_NAMESPACE } from './kubernetes.ts';

const LISTING = new Set<string>(['list', 'watch']);

/**
 * What a controller does under its own name: everything it declares but the listing, which `reader` does for all. Who
 * works on every resource there is also lists them itself: else `reader` could read everything.
 */
export function ownRules(controller: Controller): PolicyRule[] {
  const rules = controller.rbac.flatMap((permission) => {
    const verbs: readonly string[] =
      permission.kind === 'allow' ? permission.verbs.filter((verb) => !LISTING.has(verb)) : permission.verbs;
    return verbs.length === 0 ? [] : [ruleOf(permission, verbs)];
  });
  return controller.events ? [...rules, EVENTS] : rules;
}

/** The writes among them that a request shows: what the API server checks on the side is never sent. */
export function writeRules(controller: Controller): PolicyRule[] {
  return ownRules({ ...controller, rbac: controller.rbac.filter((permission) => permission.kind !== 'requires') });
}

export const EVENTS: PolicyRule = { apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] };

/** The union of what the controllers list, with Secrets apart: those go to `secrets-metadata`. */
export function readerRules(controllers: readonly Controller[]): PolicyRule[] {
  return listingRules(controllers, (resource) => resource !== 'core/secrets', [NAMESPACES, QUOTAS]);
}

/** Everything reads namespaces: policy asks for their labels. */
const NAMESPACES: Grant = { kind: 'allow', resource: 'core/namespaces', verbs: ['list', 'watch'] };

/** And ResourceQuotas: the gate forecasts what they admit. */
const QUOTAS: Grant = { kind: 'allow', resource: 'core/resourcequotas', verbs: ['list', 'watch'] };

const SECRETS: Grant = { kind: 'allow', resource: 'core/secrets', verbs: ['list', 'watch'] };

export function secretsRules(controllers: readonly Controller[]): PolicyRule[] {
  const watched = controllers.some(({ rbac }) => watchesAll(rbac)) ? [SECRETS] : [];
  return listingRules(controllers, (resource) => resource === 'core/secrets', watched);
}

function listingRules(
  controllers: readonly Controller[],
  wanted: (resource: Resource) => boolean,
  always: readonly Grant[],
): PolicyRule[] {
  const rules = new Map<string, PolicyRule>();
  for (const permission of [...always, ...controllers.flatMap((controller) => controller.rbac)]) {
    if (permission.kind !== 'allow' || !wanted(permission.resource)) continue;
    const verbs = permission.verbs.filter((verb) => LISTING.has(verb));
    if (verbs.length === 0) continue;
    const key = JSON.stringify([permission.resource, permission.subresource ?? '', permission.resourceNames ?? []]);
    const known = rules.get(key)?.verbs ?? [];
    rules.set(key, ruleOf(permission, [...new Set([...known, ...verbs])].sort()));
  }
  return [...rules].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, rule]) => rule);
}

export function ruleOf(permission: Permission, verbs: readonly string[]): PolicyRule {
  if (permission.kind === 'any') return { apiGroups: ['*'], resources: ['*'], verbs };
  const { group, resource } = permission.kind === 'requires' ? permission : targetOf(permission);
  return {
    apiGroups: [group],
    resources: [resource],
    verbs,
    ...(permission.resourceNames !== undefined && { resourceNames: permission.resourceNames }),
  };
}

/** `apps/replicasets` with subresource `status` is group `apps`, resource `replicasets/status`; group `core` has no name. */
export function targetOf(grant: Grant): Pick<Requirement, 'group' | 'resource'> {
  const slash = grant.resource.indexOf('/');
  const group = grant.resource.slice(0, slash);
  const plural = grant.resource.slice(slash + 1);
  return {
    group: group === 'core' ? '' : group,
    resource: grant.subresource === undefined ? plural : `${plural}/${grant.subresource}`,
  };
}

export const LEASE = { namespace: 'kube-system', name: 'kube-controller-manager' } as const;

/** `create` cannot be limited by name. */
export const LEADER_RULES: readonly PolicyRule[] = [
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create'] },
  {
    apiGroups: ['coordination.k8s.io'],
    resources: ['leases'],
    verbs: ['get', 'update', 'watch'],
    resourceNames: [LEASE.name],
  },
];

/** What the blast-radius breaker keeps: one object, beside Comptroller's own. */
export const BREAKER_STATE = { namespace: SYSTEM_NAMESPACE, name: 'comptroller-breaker' } as const;

export const BREAKER_RULES: readonly PolicyRule[] = [
  { apiGroups: [''], resources: ['configmaps'], verbs: ['create'] },
  { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'update'], resourceNames: [BREAKER_STATE.name] },
];

/** For people: to see what is held, and to say what becomes of it. Nobody is bound to them here. */
export const VIEWER_RULES: readonly DoorRule[] = [
  { nonResourceURLs: ['/breaker', '/breaker/holds/*'], verbs: ['get'] },
];
export const OPERATOR_RULES: readonly DoorRule[] = [
  ...VIEWER_RULES,
  { nonResourceURLs: ['/breaker/release'], verbs: ['release'] },
  { nonResourceURLs: ['/breaker/reject'], verbs: ['reject'] },
];

/** Delegated authentication and authorization of the HTTPS face. */
export const REVIEW_RULES: readonly PolicyRule[] = [
  { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
  { apiGroups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
];
export const AUTHENTICATION_RULES: readonly PolicyRule[] = [
  {
    apiGroups: [''],
    resources: ['configmaps'],
    verbs: ['get'],
    resourceNames: ['extension-apiserver-authentication'],
  },
];
