import type { Discovery } from '#core/discovery.ts';
import { apiVersionOf, type Resource, resourceInfo } from '#core/resource.ts';

/** Which resource an apiVersion and kind are, in whichever of the served versions a reference names it. */
export interface Kinds {
  resourceOf(apiVersion: string, kind: string): Resource | undefined;
}

export function createKinds(discovery: Discovery | undefined): Kinds {
  const known = new Map<string, Resource>();
  for (const { resource, also = [] } of discovery?.served ?? []) {
    const { group, kind } = resourceInfo(resource);
    const others = also.map((version) => (group === '' ? version : `${group}/${version}`));
    for (const apiVersion of [apiVersionOf(resource), ...others]) {
      const key = `${apiVersion} ${kind}`;
      if (!known.has(key)) known.set(key, resource);
    }
  }
  return { resourceOf: (apiVersion, kind) => known.get(`${apiVersion} ${kind}`) };
}
