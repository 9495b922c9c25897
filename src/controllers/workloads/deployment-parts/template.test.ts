import { describe, expect, test } from 'vitest';
import type { PodTemplateSpec } from '#core/k8s/types.gen.ts';
import { sameTemplate, templateHash } from './template.ts';

const template = (container: object, more: object = {}, spec: object = {}): PodTemplateSpec => ({
  metadata: { labels: { app: 'web' }, ...more },
  spec: { containers: [{ name: 'app', image: 'app:1', ...container }], ...spec },
});
const limits = (cpu: string | number, memory = '1Gi') => template({ resources: { limits: { cpu, memory } } });

const SAME: readonly (readonly [string, PodTemplateSpec, PodTemplateSpec])[] = [
  ['the hash label', template({}), template({}, { labels: { app: 'web', 'pod-template-hash': 'x' } })],
  ['how a quantity is written', limits('1000m'), limits('1')],
  ['units of a quantity', limits('1', '1Gi'), limits(1, '1073741824')],
  ['an empty list', template({ args: [] }), template({})],
  ['an empty map', template({}, { annotations: {} }), template({})],
  ['an absent time', template({}, { creationTimestamp: null }), template({})],
  ['empty resources', template({ resources: {} }), template({})],
  ['the order of members', template({ a: 1, b: 2 }), template({ b: 2, a: 1 })],
  [
    'the size of a volume',
    template({}, {}, { volumes: [{ name: 'v', emptyDir: { sizeLimit: '1024Mi' } }] }),
    template({}, {}, { volumes: [{ name: 'v', emptyDir: { sizeLimit: '1Gi' } }] }),
  ],
];

const OTHER: readonly (readonly [string, PodTemplateSpec, PodTemplateSpec])[] = [
  ['an image', template({}), template({ image: 'app:2' })],
  ['a quantity', limits('1'), limits('2')],
  ['a label that reads like a quantity', label('sizeLimit', '1'), label('sizeLimit', '1000m')],
  ['a label with a hostile name', label('__proto__', '1'), template({})],
  ['an empty volume source', volume({ emptyDir: {} }), volume({})],
  ['an empty security context', template({ securityContext: {} }), template({})],
  ['the order of containers', twoContainers('a', 'b'), twoContainers('b', 'a')],
  ['an annotation', template({}, { annotations: { note: 'x' } }), template({})],
];

function label(key: string, value: string): PodTemplateSpec {
  return template(
    {},
    {
      labels: Object.fromEntries([
        ['app', 'web'],
        [key, value],
      ]),
    },
  );
}

function volume(source: object): PodTemplateSpec {
  return template({}, {}, { volumes: [{ name: 'v', ...source }] });
}

function twoContainers(...names: readonly string[]): PodTemplateSpec {
  return template({}, {}, { containers: names.map((name) => ({ name, image: 'app:1' })) });
}

describe('templates', () => {
  test.each(SAME)('are the same but for %s', (_, a, b) => {
    expect([sameTemplate(a, b), sameTemplate(b, a)]).toEqual([true, true]);
  });

  test.each(OTHER)('differ by %s', (_, a, b) => {
    expect([sameTemplate(a, b), sameTemplate(b, a)]).toEqual([false, false]);
    expect(templateHash(a, undefined)).not.toBe(templateHash(b, undefined));
  });

  test('that mean the same have the same name, and another one after a collision', () => {
    expect(templateHash(limits('1000m'), undefined)).toBe(templateHash(limits(1), undefined));
    const names = [undefined, 0, 1, 2].map((collisions) => templateHash(template({}), collisions));
    expect(new Set(names).size).toBe(4);
    for (const name of names) expect(name).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{1,10}$/);
  });
});
