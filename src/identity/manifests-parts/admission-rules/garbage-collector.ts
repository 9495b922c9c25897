import { eventRules } from './common.ts';
import type { AdmissionRules } from './port.ts';

/** Events have rules of their own, below. */
const EVENT = "request.resource.group == '' && request.resource.resource == 'events'";
const FREE = "['ownerReferences', 'finalizers', 'managedFields', 'resourceVersion']";
const OWN_FINALIZERS = "['foregroundDeletion', 'orphan']";
const OLD_OWNERS = 'oldObject.metadata.?ownerReferences.orValue([])';
const NEW_OWNERS = 'object.metadata.?ownerReferences.orValue([])';
const OLD_FINALIZERS = 'oldObject.metadata.?finalizers.orValue([])';
const NEW_FINALIZERS = 'object.metadata.?finalizers.orValue([])';
const SAME_OWNER = [
  'o.uid == r.uid && o.name == r.name && o.kind == r.kind && o.apiVersion == r.apiVersion',
  'o.?controller == r.?controller',
  '(o.?blockOwnerDeletion == r.?blockOwnerDeletion || !r.?blockOwnerDeletion.orValue(false))',
].join(' && ');

/** On every resource there is: nothing is known of its fields but its metadata, so that all else is compared whole. */
export const garbageCollectorRules: readonly AdmissionRules[] = [
  {
    resource: { group: '*', version: '*', plural: '*' },
    validations: [
      {
        on: ['delete'],
        message: 'garbage-collector deletes only objects that name an owner',
        expression: `oldObject != null && ${OLD_OWNERS}.size() > 0`,
      },
      {
        on: ['update'],
        message: 'garbage-collector changes nothing of an object but its owner references and finalizers',
        expression: `${EVENT} || ${[
          "object.all(k, k == 'metadata' || k in oldObject && object[k] == oldObject[k]) && oldObject.all(k, k in object)",
          `object.metadata.all(k, k in ${FREE} || k in oldObject.metadata && object.metadata[k] == oldObject.metadata[k])`,
          `oldObject.metadata.all(k, k in ${FREE} || k in object.metadata)`,
        ].join(' && ')}`,
      },
      {
        on: ['update'],
        message: 'garbage-collector takes owner references off, or lets their owners end first, and adds none',
        expression: `${EVENT} || ${NEW_OWNERS}.all(r, ${OLD_OWNERS}.exists(o, ${SAME_OWNER}))`,
      },
      {
        on: ['update'],
        message: 'garbage-collector takes only its own finalizers off, of objects that end',
        expression: `${EVENT} || ${[
          `${NEW_FINALIZERS}.all(f, f in ${OLD_FINALIZERS})`,
          `${OLD_FINALIZERS}.all(f, f in ${NEW_FINALIZERS} || f in ${OWN_FINALIZERS} && has(oldObject.metadata.deletionTimestamp))`,
        ].join(' && ')}`,
      },
    ],
  },
  eventRules('garbage-collector'),
];
