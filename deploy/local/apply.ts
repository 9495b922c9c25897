import type { ApiObject } from '#core/resource.ts';
import { pathOf, resourceInfo, resourceOfKind } from '#core/resource.ts';
import type { ApiClient } from './client.ts';

/** Server-side apply of manifests, in their order, as `kubectl apply --server-side --force-conflicts` does. */
export async function applyAll(client: ApiClient, objects: readonly ApiObject[]): Promise<void> {
  for (const object of objects) {
    const resource = resourceOfKind(object.apiVersion ?? '', object.kind ?? '');
    if (resource === undefined)
      throw new Error(`applying ${object.apiVersion} ${object.kind}: the kind is not built in`);
    const { name = '', namespace } = object.metadata ?? {};
    const at = { name, ...(resourceInfo(resource).namespaced && { namespace: namespace ?? 'default' }) };
    const path = `${pathOf(resource, at)}?fieldManager=comptroller-installer&force=true`;
    const answer = await client.call('PATCH', path, { body: object, contentType: 'application/apply-patch+yaml' });
    if (answer.status >= 300)
      throw new Error(`applying ${object.kind} ${name}: ${answer.status} ${JSON.stringify(answer.body).slice(0, 500)}`);
  }
}
