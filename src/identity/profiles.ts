import type { Controller } from '#core/controller.ts';
import { listedBy, watchesAll } from '#core/controller.ts';
import type { Ms } from '#core/time.ts';

/** `comptroller`: users of our own. `upstream`: the users that the stock bindings name; for a migration only. */
export type NamingMode = 'comptroller' | 'upstream';
export const NAMING_MODES: readonly NamingMode[] = ['comptroller', 'upstream'];

/** What the keeper may put into a certificate. Compiled from the registry; nothing of a request reaches it. */
export interface Profile {
  /** The identity: a controller's name, or one of `SYSTEM_IDENTITIES`. */
  readonly name: string;
  /** The certificate's CN, which the API server takes for the user name. */
  readonly user: string;
  /** Whether its rights hang on a generation group, so that they can be moved away from older certificates. */
  readonly generational: boolean;
  /** The certificate's O values beside the generation's. */
  readonly groups: readonly string[];
  /** The longest life of a certificate. */
  readonly lifetime: Ms;
  readonly usages: readonly ['clientAuth'];
}

/** Identities that are no controller's. `secrets-metadata` exists only where a controller lists Secrets. */
export const SYSTEM_IDENTITIES = ['authn', 'breaker', 'leader', 'reader', 'secrets-metadata'] as const;

/** Every certificate of Comptroller carries it: flow schemas and admission policies know the fleet by it. */
export const FLEET_GROUP = 'comptroller:controllers';
export const MAX_LIFETIME: Ms = 24 * 3_600_000;

/** The user that the stock roles know: upstream does its reading and its leading as itself. */
export const UPSTREAM_MANAGER = 'system:kube-controller-manager';

export function userOf(name: string): string {
  return `comptroller:${name}`;
}

/** Roles are bound to it, never to the user: raising the generation takes every older certificate its rights at once. */
export function generationGroup(name: string, generation: number): string {
  return `comptroller:${name}:g${generation}`;
}

/** The generation in a group of that identity; undefined for any other group. */
export function generationIn(group: string, name: string): number | undefined {
  const prefix = `comptroller:${name}:g`;
  if (!group.startsWith(prefix)) return undefined;
  const digits = group.slice(prefix.length);
  return /^[1-9]\d{0,8}$/.test(digits) ? Number(digits) : undefined;
}

/** The profiles in the order of their names: the registry's controllers and the system's own identities. */
export function compileProfiles(controllers: readonly Controller[], mode: NamingMode): readonly Profile[] {
  const names = identityNames(controllers);
  const roles = new Map(controllers.map((controller) => [controller.name, controller.upstreamRole]));
  return names.map((name) => {
    const profile = mode === 'upstream' ? upstreamProfile(name, roles.get(name)) : ownProfile(name);
    for (const value of [profile.user, ...profile.groups]) refuseReserved(value, name, mode);
    return profile;
  });
}

/** Controllers and the system identities that they need. */
export function identityNames(controllers: readonly Controller[]): readonly string[] {
  const system = SYSTEM_IDENTITIES.filter((name) => name !== 'secrets-metadata' || listsSecrets(controllers));
  const names = [...controllers.map((controller) => controller.name), ...system];
  if (new Set(names).size !== names.length) throw new TypeError('compiling profiles: two identities share a name');
  return names.sort();
}

export function listsSecrets(controllers: readonly Controller[]): boolean {
  return controllers.some(({ rbac }) => watchesAll(rbac) || listedBy(rbac).includes('core/secrets'));
}

function ownProfile(name: string): Profile {
  const groups = [FLEET_GROUP];
  return { name, user: userOf(name), generational: true, groups, lifetime: MAX_LIFETIME, usages: ['clientAuth'] };
}

function upstreamProfile(name: string, role: string | undefined): Profile {
  const user = role === undefined ? UPSTREAM_MANAGER : `system:serviceaccount:kube-system:${role}`;
  return { name, user, generational: false, groups: [], lifetime: MAX_LIFETIME, usages: ['clientAuth'] };
}

/** `system:masters` and its like pass every check of the API server. Only the two users of mode `upstream` may begin so. */
function refuseReserved(value: string, name: string, mode: NamingMode): void {
  const stock = value === UPSTREAM_MANAGER || /^system:serviceaccount:kube-system:[a-z0-9-]+$/.test(value);
  if (value.startsWith('system:') && !(mode === 'upstream' && stock)) {
    throw new TypeError(`compiling the profile ${name}: ${value} is reserved`);
  }
}
