import { type Ms, minutes } from '#core/time.ts';

/** What one cause took, and what it was let take. */
export interface Account {
  readonly covered: number;
  /** The part of it that nothing gave a reason for. */
  readonly bare: number;
  readonly used: number;
  /** The most that the root was seen to have. */
  readonly has?: number;
  /** Milliseconds since 1970, of its last use. */
  readonly at: Ms;
}

export const MAX_ACCOUNTS = 2_000;
/** An account that was not used for that long is closed. */
const IDLE: Ms = minutes(10);

export class Accounts {
  readonly #byRoot: Map<string, Account>;

  constructor(from: readonly (Account & { readonly id: string })[]) {
    this.#byRoot = new Map(from.map(({ id, ...account }) => [id, account]));
  }

  /** As it stands, with what was seen of the root now. */
  of(root: string, has: number | undefined, wall: Ms): Account {
    const found = this.#byRoot.get(root);
    const account = found !== undefined && isOpen(found, wall) ? found : { covered: 0, bare: 0, used: 0 };
    const most = Math.max(account === found ? (found.has ?? 0) : 0, has ?? 0);
    return { ...account, ...(most > 0 && { has: most }), at: wall };
  }

  /** Changes an account by so much; never below nothing. */
  move(root: string, account: Account, by: Pick<Account, 'covered' | 'bare' | 'used'>): void {
    const more = (part: keyof typeof by): number => Math.max(0, account[part] + by[part]);
    this.#byRoot.delete(root);
    this.#byRoot.set(root, { ...account, covered: more('covered'), bare: more('bare'), used: more('used') });
    if (this.#byRoot.size > MAX_ACCOUNTS * 2) this.#shrink();
  }

  /** Takes back what was charged, where the account is still open. */
  giveBack(root: string, by: Pick<Account, 'covered' | 'bare' | 'used'>): void {
    const found = this.#byRoot.get(root);
    if (found === undefined) return;
    const less = (part: keyof typeof by): number => Math.max(0, found[part] - by[part]);
    this.#byRoot.set(root, { ...found, covered: less('covered'), bare: less('bare'), used: less('used') });
  }

  /** Whether one was closed. */
  sweep(wall: Ms): boolean {
    const before = this.#byRoot.size;
    for (const [root, account] of this.#byRoot) if (!isOpen(account, wall)) this.#byRoot.delete(root);
    return this.#byRoot.size !== before;
  }

  /** The largest, at most as many as are kept. */
  list(): (Account & { readonly id: string })[] {
    const sorted = [...this.#byRoot].sort(([, a], [, b]) => b.covered - a.covered);
    return sorted.slice(0, MAX_ACCOUNTS).map(([id, account]) => ({ id, ...account }));
  }

  #shrink(): void {
    const kept = new Set(this.list().map(({ id }) => id));
    for (const root of this.#byRoot.keys()) if (!kept.has(root)) this.#byRoot.delete(root);
  }
}

/** By either direction: a wall clock that was set back must not keep one open for years. */
const isOpen = ({ at }: Account, wall: Ms): boolean => Math.abs(wall - at) <= IDLE;
