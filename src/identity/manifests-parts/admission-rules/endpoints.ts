import { eventRules } from './common.ts';
import type { AdmissionRules } from './port.ts';

const OWN_POD =
  "has(a.targetRef) && a.targetRef.?kind.orValue('') == 'Pod' && a.targetRef.?namespace.orValue('') == object.metadata.namespace";
const IN_OWN_PODS = (list: string) => `(!has(s.${list}) || s.${list}.all(a, ${OWN_POD}))`;

export const endpointsRules: readonly AdmissionRules[] = [
  {
    resource: { group: '', version: 'v1', plural: 'endpoints' },
    validations: [
      {
        on: ['create', 'update'],
        message: 'endpoints writes only Endpoints that say that it keeps them',
        expression:
          "object.metadata.?labels[?'endpoints.kubernetes.io/managed-by'].orValue('') == 'endpoint-controller'",
      },
      {
        on: ['create', 'update'],
        message: 'endpoints sends traffic only to pods of the namespace',
        expression: `!has(object.subsets) || object.subsets.all(s, ${IN_OWN_PODS('addresses')} && ${IN_OWN_PODS('notReadyAddresses')})`,
      },
      {
        on: ['create', 'update'],
        message: "endpoints leaves the API server's own Endpoints alone",
        expression: "!(object.metadata.namespace == 'default' && object.metadata.name == 'kubernetes')",
      },
      {
        on: ['create'],
        message: 'endpoints makes nothing with owners or finalizers',
        expression: '!has(object.metadata.ownerReferences) && !has(object.metadata.finalizers)',
      },
      {
        on: ['update'],
        message: 'endpoints changes neither owners nor finalizers',
        expression: [
          'object.metadata.?ownerReferences == oldObject.metadata.?ownerReferences &&',
          'object.metadata.?finalizers == oldObject.metadata.?finalizers',
        ].join(' '),
      },
      {
        on: ['delete'],
        message: "endpoints deletes neither leader elections nor the API server's own Endpoints",
        expression: [
          "!(oldObject.metadata.namespace == 'default' && oldObject.metadata.name == 'kubernetes') &&",
          "!oldObject.metadata.?annotations[?'control-plane.alpha.kubernetes.io/leader'].hasValue()",
        ].join(' '),
      },
    ],
  },
  eventRules('endpoints', ['Endpoints']),
];
