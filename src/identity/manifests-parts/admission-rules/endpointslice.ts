import { eventRules } from './common.ts';
import type { AdmissionRules } from './port.ts';

const KEPT = (side: 'object' | 'oldObject') =>
  `${side}.metadata.?labels[?'endpointslice.kubernetes.io/managed-by'].orValue('') == 'endpointslice-controller.k8s.io'`;
const OF_A_SERVICE = "r, r.apiVersion == 'v1' && r.kind == 'Service'";

export const endpointsliceRules: readonly AdmissionRules[] = [
  {
    resource: { group: 'discovery.k8s.io', version: 'v1', plural: 'endpointslices' },
    validations: [
      {
        on: ['create'],
        message: 'endpointslice makes slices only for one v1 Service that owns them and whose name they carry',
        expression: [
          'has(object.metadata.ownerReferences) && object.metadata.ownerReferences.size() == 1 &&',
          `object.metadata.ownerReferences.all(${OF_A_SERVICE} && has(r.controller) && r.controller &&`,
          "r.name == object.metadata.?labels[?'kubernetes.io/service-name'].orValue(''))",
        ].join(' '),
      },
      {
        on: ['create', 'update'],
        message: 'endpointslice writes only slices that say that it keeps them',
        expression: KEPT('object'),
      },
      {
        on: ['create', 'update'],
        message: 'endpointslice sends traffic only to pods of the namespace',
        expression: [
          '!has(object.endpoints) || object.endpoints.all(e, has(e.targetRef) &&',
          "e.targetRef.?kind.orValue('') == 'Pod' && e.targetRef.?namespace.orValue('') == object.metadata.namespace)",
        ].join(' '),
      },
      {
        on: ['update'],
        message: 'endpointslice changes only slices that it keeps, and not whose they are',
        expression: [
          `${KEPT('oldObject')} && object.metadata.?ownerReferences == oldObject.metadata.?ownerReferences &&`,
          'object.metadata.?finalizers == oldObject.metadata.?finalizers &&',
          "object.metadata.?labels[?'kubernetes.io/service-name'] == oldObject.metadata.?labels[?'kubernetes.io/service-name']",
        ].join(' '),
      },
      {
        on: ['delete'],
        message: 'endpointslice deletes only slices that it keeps',
        expression: KEPT('oldObject'),
      },
    ],
  },
  eventRules('endpointslice', ['Service']),
];
