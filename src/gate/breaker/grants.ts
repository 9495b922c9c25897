import type { Ms } from '#core/time.ts';
import type { Grant, Root } from './port.ts';

const MAX_GRANTS = 500;

interface Asked {
  readonly controller: string;
  readonly root: Root;
}

/** What people let go on: each for one controller, one root and one wish of it. */
export class Grants {
  #kept: readonly Grant[];
  /** Used up and swept: what was drawn of one may still be given back. */
  #spent: readonly Grant[] = [];

  constructor(from: readonly Grant[]) {
    this.#kept = from;
  }

  /** What is left of all that people let go for that wish: who released twice, meant both. */
  left(asked: Asked, wall: Ms): number {
    return this.#of(asked, wall).reduce((sum, { left }) => sum + left, 0);
  }

  add(grant: Grant): void {
    this.#kept = [...this.#kept, grant].slice(-MAX_GRANTS);
  }

  /** So much of what is left, the oldest first; returns what gives it back. */
  draw(asked: Asked, weight: number, wall: Ms): () => void {
    const drawn = new Map<string, number>();
    let rest = weight;
    for (const { hold, left } of this.#of(asked, wall)) {
      const by = Math.min(left, rest);
      rest -= by;
      if (by > 0) drawn.set(hold, by);
    }
    this.#lessen(drawn, 1);
    return () => this.#giveBack(drawn);
  }

  #of({ controller, root }: Asked, wall: Ms): readonly Grant[] {
    return this.#kept.filter(
      (grant) =>
        grant.controller === controller &&
        grant.root === root.id &&
        grant.generation === root.generation &&
        grant.until > wall &&
        grant.left > 0,
    );
  }

  #lessen(by: ReadonlyMap<string, number>, times: 1 | -1): void {
    if (by.size === 0) return;
    this.#kept = this.#kept.map((grant) => ({
      ...grant,
      left: Math.max(0, grant.left - times * (by.get(grant.hold) ?? 0)),
    }));
  }

  #giveBack(drawn: ReadonlyMap<string, number>): void {
    const back = this.#spent.filter(({ hold }) => drawn.has(hold));
    this.#spent = this.#spent.filter(({ hold }) => !drawn.has(hold));
    this.#kept = [...this.#kept, ...back];
    this.#lessen(drawn, -1);
  }

  /** All of a root, or those for another wish of it. */
  forget(root: string, unless?: number): void {
    const stays = ({ generation }: Grant): boolean =>
      unless !== undefined && (generation === undefined || generation === unless);
    this.#kept = this.#kept.filter((grant) => grant.root !== root || stays(grant));
    this.#spent = this.#spent.filter((grant) => grant.root !== root || stays(grant));
  }

  /** Whether one was used up or had run out. */
  sweep(wall: Ms): boolean {
    const before = this.#kept;
    const current = before.filter(({ until }) => until > wall);
    this.#kept = current.filter(({ left }) => left > 0);
    const spent = [...this.#spent.filter(({ until }) => until > wall), ...current.filter(({ left }) => left === 0)];
    this.#spent = spent.slice(-MAX_GRANTS);
    return this.#kept.length !== before.length;
  }

  list(): readonly Grant[] {
    return this.#kept;
  }
}
