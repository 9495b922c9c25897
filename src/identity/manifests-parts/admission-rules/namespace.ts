import { METADATA_STAYS } from './common.ts';
import type { AdmissionRules } from './port.ts';

const ENDS = 'has(oldObject.metadata.deletionTimestamp)';

export const namespaceRules: readonly AdmissionRules[] = [
  {
    suffix: 'content',
    // Of every resource there is, so nothing of it has a type; the namespace of what is deleted has.
    resource: { group: '*', version: '*', plural: '*' },
    validations: [
      {
        on: ['delete'],
        message: 'namespace deletes only what is in a namespace that is being deleted itself',
        expression: 'namespaceObject != null && has(namespaceObject.metadata.deletionTimestamp)',
      },
      {
        on: ['delete'],
        message: "namespace empties none of the cluster's own namespaces",
        expression: "!(request.?namespace.orValue('') in ['default', 'kube-node-lease', 'kube-public', 'kube-system'])",
      },
    ],
  },
  {
    suffix: 'finalize',
    resource: { group: '', version: 'v1', plural: 'namespaces/finalize' },
    validations: [
      {
        on: ['update'],
        message: 'namespace lets go only a namespace that is being deleted',
        expression: ENDS,
      },
      {
        on: ['update'],
        message: 'namespace takes the finalizer kubernetes and no other',
        expression: [
          "object.spec.?finalizers.orValue([]).all(f, f != 'kubernetes' && f in oldObject.spec.?finalizers.orValue([])) &&",
          "oldObject.spec.?finalizers.orValue([]).all(f, f == 'kubernetes' || f in object.spec.?finalizers.orValue([]))",
        ].join(' '),
      },
      {
        on: ['update'],
        message: 'namespace changes nothing else of a namespace as it lets it go',
        expression: METADATA_STAYS,
      },
    ],
  },
  {
    suffix: 'status',
    resource: { group: '', version: 'v1', plural: 'namespaces/status' },
    validations: [
      {
        on: ['update'],
        message: 'namespace reports only on a namespace that is being deleted, and changes nothing but its status',
        expression: `${ENDS} && ${METADATA_STAYS}`,
      },
    ],
  },
];
