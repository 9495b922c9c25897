import { describe, expect, test } from 'vitest';
import type { Pod, ServicePort } from '#core/k8s/types.gen.ts';
import { planOf } from '#kit/scenario.ts';
import { server, service, worker } from '#kit/services.ts';
import { endpoints } from '../endpoints.ts';
import { endpointslice } from '../endpointslice.ts';
import { targetsOn } from './ports.ts';

const podWith = (containers: object[], initContainers: object[] = []): Pod =>
  ({ spec: { containers, initContainers } }) as unknown as Pod;
const port = (targetPort: number | string, protocol = 'TCP') => ({ port: 1, targetPort, protocol }) as ServicePort;
const named = (name: string, containerPort: number, protocol = 'TCP') => ({ name, containerPort, protocol });

describe('the number of a port on a pod', () => {
  const pod = podWith(
    [{ ports: [named('http', 80), named('dns', 53, 'UDP')] }, { ports: [named('http', 81)] }, {}],
    [{ restartPolicy: 'Always', ports: [named('side', 90), named('dns', 91, 'UDP')] }, { ports: [named('init', 92)] }],
  );
  test.each<[string, ServicePort, number | undefined]>([
    ['a number as it is', port(8080), 8080],
    ['a name as the first container has it', port('http'), 80],
    ['a name of its protocol only', port('http', 'UDP'), undefined],
    ['containers before sidecars', port('dns', 'UDP'), 53],
    ['a sidecar', port('side'), 90],
    ['no container that only begins', port('init'), undefined],
    ['a name of the prototype', port('constructor'), undefined],
  ])('is that of %s', (_, wanted, number) => expect(targetsOn(pod)(wanted)).toBe(number));

  test('I15: is looked up once a pod, however many ports the Service has', () => {
    let looks = 0;
    const counted = podWith([
      {
        get ports() {
          looks += 1;
          return [named('http', 80)];
        },
      },
    ]);
    const target = targetsOn(counted);
    for (let nth = 0; nth < 5000; nth++) target(port(`none-${nth}`));
    expect([target(port('http')), looks]).toEqual([80, 1]);
  });
});

describe('I15: a Service of too many ports on too many pods', () => {
  const many: ServicePort[] = Array.from({ length: 10_001 }, (_, nth) => ({ ...port(nth + 1), name: `p${nth}` }));
  const heavy = service({ ports: many });
  const pods = Array.from({ length: 10 }, (_, nth) => server(nth));
  test.each([
    [endpoints, 'FailedToUpdateEndpoint'],
    [endpointslice, 'FailedToUpdateEndpointSlices'],
  ])('$name writes nothing for it, and says why', (controller, reason) => {
    const plan = planOf(controller, { key: 'default/web', given: [heavy, ...pods, worker('node-1')] });
    expect(plan).toMatchObject({ reason: 'too-many-ports', chains: [], events: [{ type: 'Warning', reason }] });
    expect(plan.events[0]?.message).toContain('10001 ports on 10 pods');
  });
  test.each([
    [endpoints, 'core/endpoints'],
    [endpointslice, 'core/services'],
  ])('$name tells it of what admission lets it tell of', (controller, resource) => {
    const plan = planOf(controller, { key: 'default/web', given: [heavy, ...pods, worker('node-1')] });
    expect(plan.events[0]?.regarding).toMatchObject({ resource, namespace: 'default', name: 'web' });
  });
  test.each([
    ['ended', { phase: 'Failed' }],
    ['have no address', { ips: [] }],
  ])('pods that %s do not count', (_, more) => {
    const idle = Array.from({ length: 10 }, (_, nth) => server(100 + nth, more));
    const given = [heavy, server(1), ...idle, worker('node-1')];
    for (const controller of [endpoints, endpointslice])
      expect(planOf(controller, { key: 'default/web', given }).reason).not.toBe('too-many-ports');
  });
});
