import type { Pod, ServicePort } from '#core/k8s/types.gen.ts';

/**
 * The number that a Service's port has on a pod: its target port, looked up by name and protocol among the ports of the
 * containers, then of the sidecars, where it is a name. Undefined when the pod has no port of that name.
 */
export function targetOn(pod: Pod, port: ServicePort): number | undefined {
  const { targetPort = 0, protocol } = port;
  if (typeof targetPort === 'number') return targetPort;
  const sidecars = (pod.spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  for (const container of [...(pod.spec?.containers ?? []), ...sidecars]) {
    const found = container.ports?.find((one) => one.name === targetPort && one.protocol === protocol);
    if (found !== undefined) return found.containerPort;
  }
  return undefined;
}
