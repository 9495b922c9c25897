import { type Nanos, nanos } from '../quantity.ts';

/** Amounts by resource name (`requests.cpu`, `count/pods`). A Map: names come from the cluster and are hostile. */
export type Amounts = ReadonlyMap<string, Nanos>;

/** A list of the API. What is no quantity is left out: the API server refuses the object for it, whatever its quotas say. */
export function amountsOf(list: { readonly [name: string]: string | number } | undefined | null): Map<string, Nanos> {
  const amounts = new Map<string, Nanos>();
  for (const [name, text] of Object.entries(list ?? {})) {
    const quantity = nanos(text);
    if (quantity !== undefined) amounts.set(name, quantity);
  }
  return amounts;
}

export function addTo(sum: Map<string, Nanos>, more: Amounts): void {
  for (const [name, quantity] of more) sum.set(name, (sum.get(name) ?? 0n) + quantity);
}

export function takeFrom(sum: Map<string, Nanos>, less: Amounts): void {
  for (const [name, quantity] of less) sum.set(name, (sum.get(name) ?? 0n) - quantity);
}

/** The greater one of each name. */
export function raiseTo(most: Map<string, Nanos>, other: Amounts): void {
  for (const [name, quantity] of other) {
    const known = most.get(name);
    if (known === undefined || known < quantity) most.set(name, quantity);
  }
}
