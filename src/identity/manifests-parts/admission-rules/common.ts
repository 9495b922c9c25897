import type { AdmissionRules } from './port.ts';

/** A status write that the registry lets change metadata all the same, as upstream's status strategies do. */
export const METADATA_STAYS = ['labels', 'annotations', 'finalizers', 'ownerReferences']
  .map((field) => `object.metadata.?${field} == oldObject.metadata.?${field}`)
  .join(' && ');

/** A controller writes Events as itself, about objects of these kinds only (all where none is named), and changes none but its own. */
export function eventRules(controller: string, kinds?: readonly string[]): AdmissionRules {
  const component = `'${controller}-controller'`;
  return {
    suffix: 'events',
    // The type checker takes `events` for those of events.k8s.io, which have other fields: so their types are set aside.
    resource: { group: '', version: 'v1', plural: 'events' },
    validations: [
      {
        on: ['create'],
        message: `${controller} writes Events as itself${kinds === undefined ? '' : `, about ${kinds.map((kind) => `${kind}s`).join(', ')}`}`,
        expression: [`dyn(object).?source.?component.orValue('') == ${component}`, ...aboutOneOf(kinds)].join(' && '),
      },
      {
        on: ['update'],
        message: `${controller} counts up its own Events, and changes nothing else of them`,
        expression: [
          `dyn(oldObject).?source.?component.orValue('') == ${component} &&`,
          'dyn(object).?source == dyn(oldObject).?source && dyn(object).?involvedObject == dyn(oldObject).?involvedObject &&',
          'dyn(object).?type == dyn(oldObject).?type && dyn(object).?reason == dyn(oldObject).?reason',
        ].join(' '),
      },
    ],
  };
}

function aboutOneOf(kinds: readonly string[] | undefined): string[] {
  if (kinds === undefined) return [];
  const kind = "dyn(object).?involvedObject.?kind.orValue('')";
  return [
    kinds.length === 1 ? `${kind} == '${kinds[0]}'` : `${kind} in [${kinds.map((one) => `'${one}'`).join(', ')}]`,
  ];
}
