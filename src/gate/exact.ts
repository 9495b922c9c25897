import type { WireRequest } from '#core/request.ts';
import { pathOf, type Resource } from '#core/resource.ts';

/** The one object that a built-in rule is about. */
export interface ExactObject {
  readonly resource: Resource;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** POST to the collection or PUT on the object: path, target and body all name exactly that one. */
export function isPlainWrite(request: WireRequest, { resource, kind, namespace, name }: ExactObject): boolean {
  const { target, verb, method } = request;
  const collection = pathOf(resource, { namespace });
  const path = request.path.split('?', 1)[0];
  const exact =
    (verb === 'create' && method === 'POST' && path === collection) ||
    (verb === 'update' && method === 'PUT' && path === `${collection}/${encodeURIComponent(name)}`);
  return (
    exact &&
    target.resource === resource &&
    target.namespace === namespace &&
    target.name === name &&
    target.subresource === undefined &&
    namesIt(request.body, { kind, namespace, name })
  );
}

function namesIt(body: string | undefined, { kind, namespace, name }: Omit<ExactObject, 'resource'>): boolean {
  const found = JSON.parse(body ?? '{}') as { kind?: string; metadata?: { name?: string; namespace?: string } };
  return found.kind === kind && found.metadata?.name === name && found.metadata?.namespace === namespace;
}
