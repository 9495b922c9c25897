import { jsonEqual } from '#core/json.ts';
import type { EndpointSlice, Service } from '#core/k8s/types.gen.ts';
import { generatedPrefix } from '#core/names.ts';
import { ownerReference } from '#core/owner.ts';
import { patchOf } from '#core/patch.ts';
import type { Create, Delete, Patch, Write } from '#core/plan.ts';
import { refOf } from '#core/ref.ts';
import { withTrigger } from '../service-pods/trigger-time.ts';
import { type Changes, type Draft, isChange, isOwned } from './draft.ts';

const RESOURCE = 'discovery.k8s.io/endpointslices';

/**
 * The writes of one address type, in upstream's order: what is new first, so that no endpoint is missing while it moves.
 * A slice that would go becomes the one that would be made, where it can.
 */
export function writesOf(service: Service, changes: Changes, triggerTime: string | undefined): readonly Write[] {
  const { create, update, remove } = recycled(service, changes);
  const leaving = service.metadata?.deletionTimestamp !== undefined;
  return [
    ...(leaving ? [] : create).map((draft, nth) => creation(service, draft, nth, triggerTime)),
    ...update.filter(isChange).flatMap((draft) => change(draft, triggerTime) ?? []),
    ...remove.map((slice) => removal(slice, 'surplus')),
  ];
}

/** The address type of a slice never changes, and what belonged to a former Service of the name is going anyway. */
function recycled(service: Service, { create, update, remove }: Changes): Changes {
  const made = [...create];
  const changed = [...update];
  const removed: EndpointSlice[] = [];
  for (const slice of remove) {
    const draft = isOwned(slice, service) ? made.pop() : undefined;
    if (draft === undefined) removed.push(slice);
    else changed.push({ ...draft, before: slice });
  }
  return { create: made, update: changed, remove: removed };
}

function creation(service: Service, draft: Draft, nth: number, triggerTime: string | undefined): Create {
  const { namespace, name = '' } = service.metadata ?? {};
  const { addressType, labels, ports, endpoints } = draft;
  const annotations = withTrigger(undefined, triggerTime);
  const object: EndpointSlice = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      generateName: generatedPrefix(name),
      ...(namespace !== undefined && { namespace }),
      labels,
      ...(Object.keys(annotations).length > 0 && { annotations }),
      ownerReferences: [ownerReference('core/services', service)],
    },
    addressType,
    ports,
    endpoints,
  };
  return {
    verb: 'create',
    resource: RESOURCE,
    ...(namespace !== undefined && { namespace }),
    object,
    reason: 'missing',
    slot: `${addressType}/${nth}`,
  };
}

function change(draft: Draft, triggerTime: string | undefined): Patch | undefined {
  const { before, labels, ports, endpoints } = draft;
  if (before === undefined) return undefined;
  const { annotations: had, ...metadata } = before.metadata ?? {};
  const annotations = withTrigger(had, triggerTime);
  const keeps = had !== undefined || Object.keys(annotations).length > 0;
  const after: EndpointSlice = {
    ...before,
    metadata: { ...metadata, labels, ...(keeps && { annotations }) },
    // The API server answers with null where a list is empty: that is no change.
    ...(!jsonEqual(before.ports ?? [], ports) && { ports }),
    ...(!jsonEqual(before.endpoints ?? [], endpoints) && { endpoints }),
  };
  return patchOf({ resource: RESOURCE, before, after, reason: 'changed' });
}

/** `surplus`: nothing in it is wanted. `address-type`: the Service has no such addresses any more. */
export function removal(slice: EndpointSlice, reason: 'surplus' | 'address-type'): Delete {
  return { verb: 'delete', ref: refOf(RESOURCE, slice), before: slice, reason };
}
