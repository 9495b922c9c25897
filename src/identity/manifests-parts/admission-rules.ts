/** What the declaration of a controller cannot say, as CEL that the API server checks once more behind the gate. */
export interface AdmissionRules {
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

/** By the controller's name. Expressions are typed: the API server's type checker must not warn about any. */
export const ADMISSION_RULES: ReadonlyMap<string, AdmissionRules> = new Map([
  [
    'replicaset',
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
      ],
    },
  ],
  [
    'root-ca-certificate-publisher',
    {
      resource: { group: '', version: 'v1', plural: 'configmaps' },
      validations: [
        {
          on: ['create', 'update'],
          message: 'root-ca-certificate-publisher writes only the ConfigMap kube-root-ca.crt',
          expression: "object.metadata.name == 'kube-root-ca.crt'",
        },
      ],
    },
  ],
  [
    'serviceaccount',
    {
      resource: { group: '', version: 'v1', plural: 'serviceaccounts' },
      validations: [
        {
          on: ['create'],
          message: 'serviceaccount creates only the ServiceAccount default, with nothing in it',
          expression: "object.metadata.name == 'default' && !has(object.secrets) && !has(object.imagePullSecrets)",
        },
      ],
    },
  ],
]);
