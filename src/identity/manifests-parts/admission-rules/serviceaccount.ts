import type { AdmissionRules } from './port.ts';

export const serviceaccountRules: readonly AdmissionRules[] = [
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
];
