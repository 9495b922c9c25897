import type { Ms } from '#core/time.ts';
import type { Grant, Root } from './port.ts';

const MAX_GRANTS = 500;

/** What people let go on: each for one controller, one root and one wish of it. */
export class Grants {
  #kept: readonly Grant[];

  constructor(from: readonly Grant[]) {
    this.#kept = from;
  }

  find({ controller, root }: { controller: string; root: Root }, wall: Ms): Grant | undefined {
    return this.#kept.find(
      (grant) =>
        grant.controller === controller &&
        grant.root === root.id &&
        grant.generation === root.generation &&
        grant.until > wall &&
        grant.left > 0,
    );
  }

  add(grant: Grant): void {
    this.#kept = [...this.#kept, grant].slice(-MAX_GRANTS);
  }

  /** By less than nothing: gives it back. */
  draw({ hold, root }: Grant, weight: number): void {
    this.#kept = this.#kept.map((grant) =>
      grant.hold === hold && grant.root === root ? { ...grant, left: Math.max(0, grant.left - weight) } : grant,
    );
  }

  /** All of a root, or those for another wish of it. */
  forget(root: string, unless?: number): void {
    const stays = ({ generation }: Grant): boolean =>
      unless !== undefined && (generation === undefined || generation === unless);
    this.#kept = this.#kept.filter((grant) => grant.root !== root || stays(grant));
  }

  /** Whether one was used up or had run out. */
  sweep(wall: Ms): boolean {
    const before = this.#kept.length;
    this.#kept = this.#kept.filter(({ until, left }) => until > wall && left > 0);
    return this.#kept.length !== before;
  }

  list(): readonly Grant[] {
    return this.#kept;
  }
}
