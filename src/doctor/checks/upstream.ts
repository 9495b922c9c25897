import { fail, ok, some, untold, warn } from '../finding.ts';
import type { Facts, Finding, ObjectFact } from '../port.ts';
import { type Subject, subjectsOf } from './objects.ts';

const AUTOUPDATE = 'rbac.authorization.kubernetes.io/autoupdate';

export interface UpstreamRole {
  /** The controller's name, and that of its ServiceAccount upstream. */
  readonly name: string;
  readonly upstreamRole: string;
}

/**
 * The API server makes bindings for upstream's controllers at its start. Where Comptroller runs a controller, nobody
 * needs them any more, and whoever may make a token of that ServiceAccount has its rights, beside the gate.
 */
export function checkUpstreamBindings(
  { objects, setting }: Pick<Facts, 'objects' | 'setting'>,
  controllers: readonly UpstreamRole[],
): Finding[] {
  const check = 'upstream-bindings';
  const known = objects.get('ClusterRoleBinding');
  if (known?.ok !== true) return [untold(check, known?.why ?? 'bindings were not read')];
  const running = controllers.filter(({ name }) => setting.controllers.includes(name));
  const stillOpen = running.filter(({ upstreamRole }) => isOpen(known.value, upstreamRole));
  if (setting.namingMode === 'upstream') return [inUse(check, running, stillOpen)];
  if (stillOpen.length === 0) return [ok(check, `those of ${running.length} controllers that run here are closed`)];
  return stillOpen.map(({ name, upstreamRole }) =>
    warn(
      check,
      `system:controller:${upstreamRole} still gives ServiceAccount kube-system/${upstreamRole} the rights of ${name}, beside the gate`,
      closing(`system:controller:${upstreamRole}`),
    ),
  );
}

/** Naming mode `upstream` lives on them. */
function inUse(check: string, running: readonly UpstreamRole[], stillOpen: readonly UpstreamRole[]): Finding {
  const closed = running
    .filter((one) => !stillOpen.includes(one))
    .map(({ upstreamRole }) => `system:controller:${upstreamRole}`);
  const remedy = `kubectl annotate clusterrolebinding ${closed.join(' ')} ${AUTOUPDATE}=true --overwrite, then start kube-apiserver again: it puts them back`;
  if (closed.length > 0) return fail(check, `--naming-mode=upstream needs ${some(closed)}`, remedy);
  return ok(check, 'open, and --naming-mode=upstream uses them; close them after the change to comptroller');
}

function closing(binding: string): string {
  return [
    "not while you may go back to upstream's manager, which needs it. Then:",
    `kubectl annotate clusterrolebinding ${binding} ${AUTOUPDATE}=false --overwrite &&`,
    `kubectl patch clusterrolebinding ${binding} --type=merge -p '{"subjects":null}'`,
    `(without the annotation kube-apiserver puts it back at its next start)`,
  ].join(' ');
}

function isOpen(bindings: readonly ObjectFact[], role: string): boolean {
  const binding = bindings.find(({ metadata }) => metadata.name === `system:controller:${role}`);
  const isAccount = ({ kind, name, namespace }: Subject): boolean =>
    kind === 'ServiceAccount' && name === role && namespace === 'kube-system';
  return binding !== undefined && subjectsOf(binding).some(isAccount);
}
