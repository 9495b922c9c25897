import { warning } from '#core/events.ts';
import type { Pod, Service, ServicePort } from '#core/k8s/types.gen.ts';
import type { PlannedEvent } from '#core/plan.ts';

/**
 * The number that a Service's port has on a pod: its target port, looked up by name and protocol among the ports of the
 * containers, then of the sidecars, where it is a name. Undefined when the pod has no port of that name.
 */
export function targetsOn(pod: Pod): (port: ServicePort) => number | undefined {
  let named: ReadonlyMap<string, number> | undefined;
  return ({ targetPort = 0, protocol }) => {
    if (typeof targetPort === 'number') return targetPort;
    named ??= namedPorts(pod);
    return named.get(`${protocol} ${targetPort}`);
  };
}

/** Made once a pod: a Service of many ports would look through all of its containers for each. */
function namedPorts({ spec }: Pod): ReadonlyMap<string, number> {
  const sidecars = (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  const named = new Map<string, number>();
  for (const { ports = [] } of [...(spec?.containers ?? []), ...sidecars]) {
    for (const { name, protocol, containerPort } of ports) {
      const key = `${protocol} ${name}`;
      if (!named.has(key)) named.set(key, containerPort);
    }
  }
  return named;
}

/** Ports of a Service times its pods: what a run works out at once, on the thread that renews the lease (I15). */
const MOST = 100_000;

/**
 * Says of `regarding` that nothing is worked out for a Service, where it would be too much; undefined where it is not.
 * The pods are those that can be endpoints: others cost nothing, however many have ended.
 */
export function overBound(
  service: Service,
  pods: readonly Pod[],
  { regarding, reason }: Pick<PlannedEvent, 'regarding' | 'reason'>,
): PlannedEvent | undefined {
  const ports = service.spec?.ports?.length ?? 0;
  if (ports * pods.length <= MOST) return undefined;
  const message = `${ports} ports on ${pods.length} pods are more than ${MOST} together: nothing is written until there are fewer`;
  return warning(regarding, reason, message);
}
