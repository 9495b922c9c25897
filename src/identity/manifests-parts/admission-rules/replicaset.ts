import { eventRules, METADATA_STAYS } from './common.ts';
import type { AdmissionRules } from './port.ts';

const OLD_OWNERS = 'oldObject.metadata.?ownerReferences.orValue([])';
const NEW_OWNERS = 'object.metadata.?ownerReferences.orValue([])';
const OTHERS = "filter(r, !(r.apiVersion == 'apps/v1' && r.kind == 'ReplicaSet'))";

export const replicasetRules: readonly AdmissionRules[] = [
  {
    resource: { group: '', version: 'v1', plural: 'pods' },
    validations: [
      {
        on: ['create'],
        message: 'replicaset creates pods only with exactly one owner reference, of a controlling apps/v1 ReplicaSet',
        expression: [
          'has(object.metadata.ownerReferences) && object.metadata.ownerReferences.size() == 1 &&',
          "object.metadata.ownerReferences.all(r, r.apiVersion == 'apps/v1' && r.kind == 'ReplicaSet' &&",
          'has(r.controller) && r.controller)',
        ].join(' '),
      },
      {
        on: ['update'],
        message: 'replicaset changes nothing of a pod but its owner references',
        expression: [
          'object.spec == oldObject.spec &&',
          'object.metadata.?labels == oldObject.metadata.?labels &&',
          'object.metadata.?annotations == oldObject.metadata.?annotations &&',
          'object.metadata.?finalizers == oldObject.metadata.?finalizers',
        ].join(' '),
      },
      {
        on: ['delete'],
        message: 'replicaset deletes only pods that an apps/v1 ReplicaSet controls',
        expression: [
          'has(oldObject.metadata.ownerReferences) && oldObject.metadata.ownerReferences.exists(r,',
          "r.apiVersion == 'apps/v1' && r.kind == 'ReplicaSet' && has(r.controller) && r.controller)",
        ].join(' '),
      },
      {
        on: ['update'],
        message: 'replicaset leaves the owner references of others alone',
        expression: `${NEW_OWNERS}.${OTHERS} == ${OLD_OWNERS}.${OTHERS}`,
      },
      {
        on: ['update'],
        message: 'replicaset adopts only pods that nothing controls',
        expression: [
          `!${OLD_OWNERS}.exists(o, has(o.controller) && o.controller) ||`,
          `${NEW_OWNERS}.all(r, !(has(r.controller) && r.controller) || ${OLD_OWNERS}.exists(o, o.uid == r.uid && has(o.controller) && o.controller))`,
        ].join(' '),
      },
    ],
  },
  {
    suffix: 'status',
    resource: { group: 'apps', version: 'v1', plural: 'replicasets/status' },
    validations: [
      {
        on: ['update'],
        message: 'replicaset changes nothing of a ReplicaSet but its status',
        expression: METADATA_STAYS,
      },
    ],
  },
  eventRules('replicaset', ['ReplicaSet']),
];
