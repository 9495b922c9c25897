/** What the declaration of a controller cannot say, as CEL that the API server checks once more behind the gate. */
export interface AdmissionRules {
  readonly resource: { readonly group: string; readonly version: string; readonly plural: string };
  readonly operations: readonly ('CREATE' | 'UPDATE' | 'DELETE')[];
  readonly validations: readonly { readonly message: string; readonly expression: string }[];
}

/** By the controller's name. Expressions are typed: the API server's type checker must not warn about any. */
export const ADMISSION_RULES: ReadonlyMap<string, AdmissionRules> = new Map([
  [
    'replicaset',
    {
      resource: { group: '', version: 'v1', plural: 'pods' },
      operations: ['CREATE', 'UPDATE', 'DELETE'],
      validations: [
        {
          message: 'replicaset creates pods only with exactly one owner reference, of a controlling apps/v1 ReplicaSet',
          expression: [
            "request.operation != 'CREATE' ||",
            'has(object.metadata.ownerReferences) && object.metadata.ownerReferences.size() == 1 &&',
            "object.metadata.ownerReferences.all(r, r.apiVersion == 'apps/v1' && r.kind == 'ReplicaSet' &&",
            'has(r.controller) && r.controller)',
          ].join(' '),
        },
        {
          message: 'replicaset changes nothing of a pod but its owner references',
          expression: [
            "request.operation != 'UPDATE' ||",
            'object.spec == oldObject.spec &&',
            'object.metadata.?labels == oldObject.metadata.?labels &&',
            'object.metadata.?annotations == oldObject.metadata.?annotations &&',
            'object.metadata.?finalizers == oldObject.metadata.?finalizers',
          ].join(' '),
        },
        {
          message: 'replicaset deletes only pods that an apps/v1 ReplicaSet controls',
          expression: [
            "request.operation != 'DELETE' ||",
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
      operations: ['CREATE', 'UPDATE'],
      validations: [
        {
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
      operations: ['CREATE'],
      validations: [
        {
          message: 'serviceaccount creates only the ServiceAccount default, with nothing in it',
          expression: "object.metadata.name == 'default' && !has(object.secrets) && !has(object.imagePullSecrets)",
        },
      ],
    },
  ],
]);
