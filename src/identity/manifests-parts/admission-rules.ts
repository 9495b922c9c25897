/** What the declaration of a controller cannot say, as CEL that the API server checks once more behind the gate. */
export interface AdmissionRules {
  /** Tells the policies of one controller apart; absent for the main one. */
  readonly suffix?: string;
  readonly resource: { readonly group: string; readonly version: string; readonly plural: string };
  readonly validations: readonly AdmissionRule[];
}

export interface AdmissionRule {
  /** At admission, a patch is an update. */
  readonly on: readonly AdmissionVerb[];
  readonly message: string;
  readonly expression: string;
}

export type AdmissionVerb = 'create' | 'update' | 'delete';

const OLD_OWNERS = 'oldObject.metadata.?ownerReferences.orValue([])';
const NEW_OWNERS = 'object.metadata.?ownerReferences.orValue([])';
const OTHERS = "filter(r, !(r.apiVersion == 'apps/v1' && r.kind == 'ReplicaSet'))";

/** A status write that the registry lets change metadata all the same, as upstream's status strategies do. */
const METADATA_STAYS = ['labels', 'annotations', 'finalizers', 'ownerReferences']
  .map((field) => `object.metadata.?${field} == oldObject.metadata.?${field}`)
  .join(' && ');

/** By the controller's name. Expressions are typed: the API server's type checker must not warn about any. */
export const ADMISSION_RULES: ReadonlyMap<string, readonly AdmissionRules[]> = new Map([
  [
    'replicaset',
    [
      {
        resource: { group: '', version: 'v1', plural: 'pods' },
        validations: [
          {
            on: ['create'],
            message:
              'replicaset creates pods only with exactly one owner reference, of a controlling apps/v1 ReplicaSet',
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
      {
        suffix: 'events',
        // The type checker takes `events` for those of events.k8s.io, which have other fields: so their types are set aside.
        resource: { group: '', version: 'v1', plural: 'events' },
        validations: [
          {
            on: ['create'],
            message: 'replicaset writes Events as itself, about ReplicaSets',
            expression: [
              "dyn(object).?source.?component.orValue('') == 'replicaset-controller' &&",
              "dyn(object).?involvedObject.?kind.orValue('') == 'ReplicaSet'",
            ].join(' '),
          },
          {
            on: ['update'],
            message: 'replicaset counts up its own Events, and changes nothing else of them',
            expression: [
              "dyn(oldObject).?source.?component.orValue('') == 'replicaset-controller' &&",
              'dyn(object).?source == dyn(oldObject).?source && dyn(object).?involvedObject == dyn(oldObject).?involvedObject &&',
              'dyn(object).?type == dyn(oldObject).?type && dyn(object).?reason == dyn(oldObject).?reason',
            ].join(' '),
          },
        ],
      },
    ],
  ],
  [
    'root-ca-certificate-publisher',
    [
      {
        resource: { group: '', version: 'v1', plural: 'configmaps' },
        validations: [
          {
            on: ['create', 'update'],
            message: 'root-ca-certificate-publisher writes only the ConfigMap kube-root-ca.crt',
            expression: "object.metadata.name == 'kube-root-ca.crt'",
          },
          {
            on: ['create', 'update'],
            message: 'root-ca-certificate-publisher publishes one certificate bundle and nothing beside it',
            expression: [
              "has(object.data) && object.data.size() == 1 && 'ca.crt' in object.data &&",
              "object.data['ca.crt'].startsWith('-----BEGIN CERTIFICATE-----') && !object.data['ca.crt'].contains('PRIVATE KEY')",
            ].join(' '),
          },
          {
            on: ['create'],
            message: 'root-ca-certificate-publisher makes nothing that it could not mend',
            expression: '!has(object.immutable) && !has(object.binaryData)',
          },
          {
            on: ['update'],
            message: 'root-ca-certificate-publisher changes the certificate and its description, nothing else',
            expression: [
              'object.?immutable == oldObject.?immutable && object.?binaryData == oldObject.?binaryData &&',
              'object.metadata.?labels == oldObject.metadata.?labels && object.metadata.?finalizers == oldObject.metadata.?finalizers &&',
              'object.metadata.?ownerReferences == oldObject.metadata.?ownerReferences',
            ].join(' '),
          },
        ],
      },
    ],
  ],
  [
    'serviceaccount',
    [
      {
        resource: { group: '', version: 'v1', plural: 'serviceaccounts' },
        validations: [
          {
            on: ['create'],
            message: 'serviceaccount creates only the ServiceAccount default, with nothing in it',
            expression: [
              "object.metadata.name == 'default' && !has(object.secrets) && !has(object.imagePullSecrets) &&",
              '!has(object.automountServiceAccountToken) && !has(object.metadata.annotations) && !has(object.metadata.labels) &&',
              '!has(object.metadata.ownerReferences) && !has(object.metadata.finalizers)',
            ].join(' '),
          },
        ],
      },
    ],
  ],
]);
