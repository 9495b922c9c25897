import type { CoreEndpointPort, EndpointAddress, EndpointSubset } from '#core/k8s/types.gen.ts';

/**
 * Upstream orders subsets and ports by the FNV-1a hash (128 bits) of how Go's spew prints them. Both sides of a migration
 * must lay out Endpoints alike, or each would rewrite what the other wrote; so the same text is hashed here.
 */
export function hashOfSubset(subset: EndpointSubset): string {
  return fnv128a(
    `(v1.EndpointSubset){Addresses:([]v1.EndpointAddress)${list(subset.addresses, address)} ` +
      `NotReadyAddresses:([]v1.EndpointAddress)${list(subset.notReadyAddresses, address)} ` +
      `Ports:([]v1.EndpointPort)${list(subset.ports, port)}}`,
  );
}

export function hashOfPort(one: CoreEndpointPort): string {
  return fnv128a(`(v1.EndpointPort)${port(one)}`);
}

function list<T>(items: readonly T[] | undefined, print: (item: T) => string): string {
  return items === undefined ? '<nil>' : `[${items.map(print).join(' ')}]`;
}

function port({ name = '', port: number, protocol = '', appProtocol = '<nil>' }: CoreEndpointPort): string {
  return `{Name:(string)${name} Port:(int32)${number} Protocol:(v1.Protocol)${protocol} AppProtocol:(*string)${appProtocol}}`;
}

function address({ ip, hostname = '', nodeName = '<nil>', targetRef }: EndpointAddress): string {
  return `{IP:(string)${ip} Hostname:(string)${hostname} NodeName:(*string)${nodeName} TargetRef:(*v1.ObjectReference)${target(targetRef)}}`;
}

function target(reference: EndpointAddress['targetRef']): string {
  if (reference === undefined) return '<nil>';
  const { kind = '', namespace = '', name = '', uid = '', apiVersion = '', resourceVersion = '' } = reference;
  return (
    `{Kind:(string)${kind} Namespace:(string)${namespace} Name:(string)${name} UID:(types.UID)${uid} ` +
    `APIVersion:(string)${apiVersion} ResourceVersion:(string)${resourceVersion} FieldPath:(string)${reference.fieldPath ?? ''}}`
  );
}

const LIMB = 2 ** 32;
/** The prime is 2^88 + 315. */
const LOW_PRIME = 315;

/** 32 hexadecimal digits of the text's UTF-8; four limbs of 32 bits, for products of BigInts cost too much a byte. */
export function fnv128a(text: string): string {
  let [a, b, c, d] = [0x6c62272e, 0x07bb0142, 0x62b82175, 0x6295c58d];
  for (const byte of new TextEncoder().encode(text)) {
    d = (d ^ byte) >>> 0;
    const [high, next] = [((d >>> 8) | (c << 24)) >>> 0, (d << 24) >>> 0];
    let sum = d * LOW_PRIME;
    d = sum % LIMB;
    sum = c * LOW_PRIME + Math.floor(sum / LIMB);
    c = sum % LIMB;
    sum = b * LOW_PRIME + Math.floor(sum / LIMB) + next;
    b = sum % LIMB;
    sum = a * LOW_PRIME + Math.floor(sum / LIMB) + high;
    a = sum % LIMB;
  }
  return [a, b, c, d].map((limb) => limb.toString(16).padStart(8, '0')).join('');
}
