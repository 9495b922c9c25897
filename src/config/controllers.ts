import type { Controller } from '#core/controller.ts';
import { suggestion } from './nearest.ts';
import { UPSTREAM_CONTROLLERS } from './upstream.ts';

export interface Selection {
  /** Names of the controllers that run, in the order of the registry. */
  readonly enabled: readonly string[];
  readonly problems: readonly string[];
}

/** `--controllers` as upstream reads it: names, aliases and `-name`, the first mention wins; `*` takes all not mentioned. */
export function selectControllers(wanted: readonly string[], controllers: readonly Controller[]): Selection {
  const names = namesOf(controllers);
  const chosen = new Map<string, boolean>();
  const problems: string[] = [];
  for (const entry of wanted) {
    if (entry === '*') continue;
    const on = !entry.startsWith('-');
    const typed = on ? entry : entry.slice(1);
    const name = names.get(typed);
    if (name !== undefined) {
      if (!chosen.has(name)) chosen.set(name, on);
    } else if (!UPSTREAM_CONTROLLERS.has(typed)) {
      problems.push(`no controller is named so (entry ${wanted.indexOf(entry) + 1})${suggestion(typed, names.keys())}`);
    } else if (on) {
      // Turning off what is not there is harmless; turning it on would leave its work undone without a word.
      problems.push(`${UPSTREAM_CONTROLLERS.get(typed)} is not part of Comptroller yet; remove it from the list`);
    }
  }
  const byDefault = wanted.includes('*');
  const enabled = controllers.map(({ name }) => name).filter((name) => chosen.get(name) ?? byDefault);
  return { enabled, problems };
}

/** Everything a controller may be called: its name, upstream's canonical form, its aliases. */
function namesOf(controllers: readonly Controller[]): ReadonlyMap<string, string> {
  return new Map(
    controllers.flatMap(({ name, aliases }) =>
      [name, `${name}-controller`, ...aliases].map((known) => [known, name] as const),
    ),
  );
}
