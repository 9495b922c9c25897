import { canonical } from '#core/json.ts';
import type { CoreEndpointPort, EndpointAddress, EndpointSubset } from '#core/k8s/types.gen.ts';
import { hashOfPort, hashOfSubset } from './go-hash.ts';

/** Which addresses have a port, each ready or not. The address stands for itself: equal ones are one object. */
type Ready = Map<EndpointAddress, boolean>;

/**
 * The canonical layout: each set of addresses once, with all ports that exactly these addresses have, in upstream's
 * order. Addresses are the same when IP and uid are; one that is ready and not ready is not ready.
 */
export function repack(subsets: readonly EndpointSubset[]): readonly EndpointSubset[] {
  const groups = new Map<string, { readonly ready: Ready; readonly ports: CoreEndpointPort[] }>();
  for (const { port, ready } of byPort(subsets).values()) {
    const key = setKey(ready);
    const group = groups.get(key) ?? { ready, ports: [] };
    groups.set(key, group);
    if (port !== undefined) group.ports.push(port);
  }
  return sortedBy([...groups.values()].map(subsetOf), hashOfSubset);
}

interface PortEntry {
  /** Undefined: no port at all, as headless Services may have it. */
  readonly port: CoreEndpointPort | undefined;
  readonly ready: Ready;
}

function byPort(subsets: readonly EndpointSubset[]): ReadonlyMap<string, PortEntry> {
  const known = new Map<string, EndpointAddress>();
  const entries = new Map<string, PortEntry>();
  const put = (port: CoreEndpointPort | undefined, address: EndpointAddress, ready: boolean): void => {
    const identity = `${address.ip} ${address.targetRef?.uid ?? ''}`;
    const one = known.get(identity) ?? address;
    known.set(identity, one);
    const key = port === undefined ? '' : canonical(port);
    const entry = entries.get(key) ?? { port, ready: new Map() };
    entries.set(key, entry);
    entry.ready.set(one, (entry.ready.get(one) ?? true) && ready);
  };
  for (const { ports = [], addresses = [], notReadyAddresses = [] } of subsets) {
    for (const port of ports.length === 0 ? [undefined] : ports) {
      for (const address of addresses) put(port, address, true);
      for (const address of notReadyAddresses) put(port, address, false);
    }
  }
  return entries;
}

function setKey(ready: Ready): string {
  const members = [...ready].map(([{ ip, targetRef }, is]) => `${ip} ${targetRef?.uid ?? ''} ${is}`);
  return members.sort().join('\n');
}

function subsetOf({ ready, ports }: { readonly ready: Ready; readonly ports: readonly CoreEndpointPort[] }) {
  const inOrder = [...ready].sort(([a], [b]) => compare(a, b));
  const addresses = inOrder.flatMap(([address, is]) => (is ? [address] : []));
  const notReadyAddresses = inOrder.flatMap(([address, is]) => (is ? [] : [address]));
  return {
    ...(addresses.length > 0 && { addresses }),
    ...(notReadyAddresses.length > 0 && { notReadyAddresses }),
    ...(ports.length > 0 && { ports: sortedBy(ports, hashOfPort) }),
  };
}

/** By IP as text, then those without a target, then by uid. */
function compare(a: EndpointAddress, b: EndpointAddress): number {
  if (a.ip !== b.ip) return a.ip < b.ip ? -1 : 1;
  const [left, right] = [a.targetRef?.uid ?? '', b.targetRef?.uid ?? ''];
  return left < right ? -1 : left > right ? 1 : 0;
}

function sortedBy<T>(items: readonly T[], keyOf: (item: T) => string): readonly T[] {
  if (items.length < 2) return items;
  const keyed = items.map((item) => [keyOf(item), item] as const);
  return keyed.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)).map(([, item]) => item);
}
