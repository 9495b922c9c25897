import type { Health, Probe } from './port.ts';

/** Named checks, with `ping` that always passes: it shows that the event loop turns. */
export function createHealth(): Health {
  const checks = new Map<string, { failing: () => string | undefined; probes: readonly Probe[] }>();
  checks.set('ping', { failing: () => undefined, probes: ['livez', 'readyz', 'healthz'] });
  return {
    add(name, failing, probes = ['readyz', 'healthz']) {
      const check = { failing, probes };
      checks.set(name, check);
      return () => {
        if (checks.get(name) === check) checks.delete(name);
      };
    },
    report(probe) {
      return [...checks]
        .filter(([, check]) => check.probes.includes(probe))
        .map(([name, check]) => ({ name, failing: ask(check.failing) }));
    },
  };
}

/** A check that throws fails. */
function ask(failing: () => string | undefined): string | undefined {
  try {
    return failing();
  } catch {
    return 'checking: the check itself failed';
  }
}
