import type { Controller, Permission, Verb } from '#core/controller.ts';
import type { ErrorCode } from '#core/errors.ts';
import { isOwnName, OWN_NAMESPACE } from '#core/own.ts';
import type { WireRequest } from '#core/request.ts';
import { shortName } from '#core/resource.ts';

/** Cluster-scoped kinds of which some objects are Comptroller's own. */
const OWN_KINDS: ReadonlySet<string> = new Set([
  'rbac.authorization.k8s.io/clusterroles',
  'rbac.authorization.k8s.io/clusterrolebindings',
  'rbac.authorization.k8s.io/roles',
  'rbac.authorization.k8s.io/rolebindings',
  'admissionregistration.k8s.io/validatingadmissionpolicies',
  'admissionregistration.k8s.io/validatingadmissionpolicybindings',
  'flowcontrol.apiserver.k8s.io/flowschemas',
  'flowcontrol.apiserver.k8s.io/prioritylevelconfigurations',
]);

/**
 * The stage before policy: is the request inside what the controller declares (I7), and does it leave Comptroller's own
 * objects alone (I14)? Neither needs a bundle, so neither can be loosened by one.
 */
export function checkDeclared(controller: Controller, request: WireRequest): ErrorCode | undefined {
  if (touchesOwn(request)) return 'GATE_PROTECTED';
  if (request.class === 'event') return controller.events && isEventWrite(request) ? undefined : 'GATE_UNDECLARED';
  return controller.rbac.some((grant) => grants(grant, request)) ? undefined : 'GATE_UNDECLARED';
}

function isEventWrite({ target, verb }: WireRequest): boolean {
  return (
    target.resource === 'core/events' && target.subresource === undefined && (verb === 'create' || verb === 'patch')
  );
}

function grants(grant: Permission, request: WireRequest): boolean {
  switch (grant.kind) {
    case 'allow':
      return covers(grant, request);
    case 'any':
      return request.target.subresource === undefined && grant.verbs.includes(request.verb);
    case 'requires':
      return false;
  }
}

function covers(
  grant: { resource: string; subresource?: string; verbs: readonly Verb[]; resourceNames?: readonly string[] },
  { target, verb }: WireRequest,
): boolean {
  return (
    grant.resource === target.resource &&
    grant.subresource === target.subresource &&
    grant.verbs.includes(verb) &&
    (grant.resourceNames === undefined || (target.name !== undefined && grant.resourceNames.includes(target.name)))
  );
}

function touchesOwn({ target }: WireRequest): boolean {
  if (target.namespace === OWN_NAMESPACE) return true;
  if (target.resource === 'core/namespaces') return target.name === OWN_NAMESPACE;
  return OWN_KINDS.has(shortName(target.resource)) && (target.name === undefined || isOwnName(target.name));
}
