import type { Hold, HoldReason, Root } from './port.ts';

/** Holds of causes that are remembered: in all, and of one namespace. */
export const MAX_HOLDS = 300;
export const MAX_HOLDS_OF_NAMESPACE = 20;
/** Holds of whole namespaces. */
export const MAX_WIDE_HOLDS = 100;
/** Objects that a hold names. */
export const MAX_SAMPLE = 20;

/** Whether nothing that is counted can be believed: then also what seems to weigh nothing waits. */
const ABOUT_HISTORY: ReadonlySet<HoldReason> = new Set(['history-went-back', 'ledger-went-back']);

/** What is held now. However many there are, they never hold more than their own namespace (I15). */
export class Holds {
  readonly #byId: Map<string, Hold>;
  /** Holds made so far. */
  #serial: number;

  constructor(from: readonly Hold[], serial: number) {
    this.#byId = new Map(from.map((hold) => [hold.id, hold]));
    this.#serial = serial;
  }

  get serial(): number {
    return this.#serial;
  }

  /** What stands against taking something away; the widest. */
  standing(root: Root, namespace: string | undefined, weightless: boolean): Hold | undefined {
    const against = this.list().filter((hold) => isAgainst(hold, root, namespace));
    const found = weightless ? against.filter(({ reason }) => ABOUT_HISTORY.has(reason)) : against;
    const of = (scope: Hold['scope']): Hold | undefined => found.find((hold) => hold.scope === scope);
    return of('cluster') ?? of('namespace') ?? of('cause');
  }

  /** Undefined where there are too many to remember one more. */
  make(asked: Omit<Hold, 'id' | 'state'>): Hold | undefined {
    const made = this.#fitting(asked);
    if (made === undefined) return undefined;
    this.#serial += 1;
    const hold: Hold = { ...made, id: `${Math.floor(made.at / 1000).toString(36)}-${this.#serial}`, state: 'open' };
    this.#byId.set(hold.id, hold);
    return hold;
  }

  #fitting(asked: Omit<Hold, 'id' | 'state'>): Omit<Hold, 'id' | 'state'> | undefined {
    if (asked.scope === 'cluster') return asked;
    const causes = this.list().filter(({ scope }) => scope === 'cause');
    const crowded =
      asked.namespace !== undefined &&
      causes.filter(({ namespace }) => namespace === asked.namespace).length >= MAX_HOLDS_OF_NAMESPACE;
    const made =
      asked.scope === 'cause' && crowded
        ? { ...asked, scope: 'namespace' as const, reason: 'too-many-holds' as const, sample: [] }
        : asked;
    const wide = this.list().filter(({ scope }) => scope === 'namespace');
    const full = made.scope === 'cause' ? causes.length >= MAX_HOLDS : wide.length >= MAX_WIDE_HOLDS;
    return full ? undefined : made;
  }

  /** Who asks for more of the same cause tells what else waits: plans often take one object away each. */
  learn(hold: Hold, root: Root, names: readonly string[]): Hold {
    const more = names.filter((name) => !hold.sample.includes(name)).slice(0, MAX_SAMPLE - hold.sample.length);
    if (hold.scope !== 'cause' || hold.root.id !== root.id || more.length === 0) return hold;
    const known = { ...hold, sample: [...hold.sample, ...more] };
    this.put(known);
    return known;
  }

  isUnderWider(namespace: string | undefined): boolean {
    return this.list().some(
      (hold) => hold.scope === 'cluster' || (hold.scope === 'namespace' && hold.namespace === namespace),
    );
  }

  /** Whether the whole cluster is held for that. */
  holdsAllFor(reason: HoldReason): boolean {
    return this.list().some((hold) => hold.scope === 'cluster' && hold.reason === reason);
  }

  get(id: string): Hold | undefined {
    return this.#byId.get(id);
  }

  /** In place of the one with its id. */
  put(hold: Hold): void {
    this.#byId.set(hold.id, hold);
  }

  end(id: string): void {
    this.#byId.delete(id);
  }

  /** Ends what is held against another wish of that root. */
  voided(root: string, generation: number): readonly Hold[] {
    const differs = (one: Root): boolean => one.generation !== undefined && one.generation !== generation;
    const gone = this.list().filter((hold) => hold.scope === 'cause' && hold.root.id === root && differs(hold.root));
    for (const { id } of gone) this.#byId.delete(id);
    return gone;
  }

  list(): readonly Hold[] {
    return [...this.#byId.values()];
  }
}

function isAgainst(hold: Hold, root: Root, namespace: string | undefined): boolean {
  if (hold.scope === 'cluster') return true;
  return hold.scope === 'namespace' ? hold.namespace === namespace : hold.root.id === root.id;
}
