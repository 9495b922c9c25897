import { describe, expect, test } from 'vitest';
import { createKinds } from '#controllers/cluster/garbage-collector-parts/kinds.ts';
import { pathOf, type Resource, resourceInfo } from '#core/resource.ts';
import { readDiscovery } from './discovery.ts';

const widgets = {
  resource: 'widgets',
  responseKind: { group: 'example.com', version: 'v1', kind: 'Widget' },
  scope: 'Namespaced',
  verbs: ['delete', 'list'],
};
const group = (name: string | undefined, ...versions: object[]) => ({
  metadata: name === undefined ? {} : { name },
  versions,
});
const read = (...items: object[]) => readDiscovery({ kind: 'APIGroupDiscoveryList', items });

describe('what the API server says it serves', () => {
  test('built-in resources go by their names, others describe themselves', () => {
    const pods = { resource: 'pods', responseKind: { kind: 'Pod' }, scope: 'Namespaced', verbs: ['list'] };
    const clusterWide = { ...widgets, resource: 'gauges', scope: 'Cluster' };
    expect(
      read(
        group('example.com', { version: 'v1', resources: [widgets, clusterWide] }),
        group(undefined, { version: 'v1', resources: [pods] }),
      ),
    ).toEqual({
      served: [
        { resource: 'core/pods', verbs: ['list'] },
        { resource: 'example.com/gauges@v1,Widget,cluster', verbs: ['delete', 'list'] },
        { resource: 'example.com/widgets@v1,Widget,namespaced', verbs: ['delete', 'list'] },
      ],
      failed: [],
    });
  });

  test('each resource in the first version that has it; a version that did not answer is named', () => {
    const items = group(
      'example.com',
      { version: 'v2', resources: [widgets] },
      { version: 'v1', resources: [widgets] },
    );
    const away = group('metrics.example.com', { version: 'v1beta1', freshness: 'Stale' });
    expect(read(items, away)).toEqual({
      served: [{ resource: 'example.com/widgets@v2,Widget,namespaced', verbs: ['delete', 'list'], also: ['v1'] }],
      failed: ['metrics.example.com/v1beta1'],
    });
  });

  describe('of a resource that is built in, and served in other versions too', () => {
    const { version, kind } = resourceInfo('scheduling.k8s.io/podgroups');
    const inVersion = (one: string, more: object = {}) => ({
      version: one,
      resources: [
        { resource: 'podgroups', responseKind: { kind }, scope: 'Namespaced', verbs: ['delete', 'list'], ...more },
      ],
    });
    const served = (...versions: object[]) => {
      const discovery = read(group('scheduling.k8s.io', ...versions));
      const { resourceOf } = createKinds(discovery);
      return {
        all: discovery?.served.map(({ resource, also }) => [resource, also]),
        paths: (...of: string[]) =>
          of.map((one) => pathIfAny(resourceOf(`scheduling.k8s.io/${one}`, kind), { namespace: 'a' })),
      };
    };
    const pathIfAny = (resource: Resource | undefined, at: object) => resource && pathOf(resource, at);
    const path = (one: string) => `/apis/scheduling.k8s.io/${one}/namespaces/a/podgroups`;

    test('its own version is taken wherever it stands, and every other names the same objects', () => {
      const { all, paths } = served(inVersion('v1'), inVersion(version), inVersion('v1alpha3'));
      expect(all).toEqual([['scheduling.k8s.io/podgroups', ['v1', 'v1alpha3']]]);
      expect(paths('v1', version, 'v1alpha3')).toEqual([path(version), path(version), path(version)]);
    });

    test('where its own is not served it is another resource, at the version that is', () => {
      const { all, paths } = served(inVersion('v1'), inVersion('v1alpha3'));
      expect(all).toEqual([['scheduling.k8s.io/podgroups@v1,PodGroup,namespaced', ['v1alpha3']]]);
      expect(paths('v1', 'v1alpha3', version)).toEqual([path('v1'), path('v1'), undefined]);
    });

    test.each([
      ['kind', { responseKind: { kind: 'Other' } }, 'Other,namespaced'],
      ['scope', { scope: 'Cluster' }, 'PodGroup,cluster'],
    ])('so it is where its %s is another', (_what, more, name) => {
      const { all } = served(inVersion(version, more));
      expect(all).toEqual([[`scheduling.k8s.io/podgroups@${version},${name}`, undefined]]);
    });
  });

  test('what no path could be made of is named, but for mere parents of subresources', () => {
    const hostile = { ...widgets, resource: '../pods' };
    const parent = { resource: 'reviews', scope: 'Namespaced', subresources: [{ subresource: 'status' }] };
    expect(read(group('example.com', { version: 'v1', resources: [hostile, parent] }))).toEqual({
      served: [],
      failed: [],
      unreadable: ['example.com/v1 ../pods'],
    });
  });

  test('what is no object among groups, versions and resources is left out', () => {
    const items = [
      null,
      'x',
      { metadata: { name: 'example.com' }, versions: [null, { version: 'v1', resources: [7, widgets] }] },
    ];
    expect(readDiscovery({ kind: 'APIGroupDiscoveryList', items })?.served).toEqual([
      { resource: 'example.com/widgets@v1,Widget,namespaced', verbs: ['delete', 'list'] },
    ]);
  });

  test.each([[undefined], ['text'], [{ kind: 'APIGroupList', items: [] }], [{ kind: 'APIGroupDiscoveryList' }]])(
    '%j is no discovery',
    (body) => {
      expect(readDiscovery(body)).toBeUndefined();
    },
  );
});
