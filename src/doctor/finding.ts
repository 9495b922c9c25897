import type { Finding } from './port.ts';

export function ok(check: string, found: string): Finding {
  return { check, verdict: 'ok', found, remedy: '' };
}

export function warn(check: string, found: string, remedy: string): Finding {
  return { check, verdict: 'warn', found, remedy };
}

export function fail(check: string, found: string, remedy: string): Finding {
  return { check, verdict: 'fail', found, remedy };
}

/** Something that more rights, or a part that runs, would decide. */
export function unknown(check: string, why: string, remedy: string): Finding {
  return { check, verdict: 'unknown', found: why, remedy };
}

const GIVE_ADMIN =
  'give --admin-kubeconfig=FILE of somebody who may list namespaces, roles, bindings, admission policies, flow schemas and leases';

/** Something that the API server did not tell: to who asks, or at all. */
export function untold(check: string, why: string): Finding {
  return unknown(check, why, /\(40[13]\)$/.test(why) ? GIVE_ADMIN : 'see what is said of api-server');
}

/** Something that nobody can see from here: only a person who looks can decide it. */
export function outside(check: string, why: string, remedy: string): Finding {
  return { check, verdict: 'unknown', found: why, remedy, outside: true };
}

const MAX_NAMED = 20;

/** The first few of a list, and how many more there are. */
export function some(items: readonly string[]): string {
  const more = items.length - MAX_NAMED;
  return `${items.slice(0, MAX_NAMED).join('; ')}${more > 0 ? `; ${more} more` : ''}`;
}
