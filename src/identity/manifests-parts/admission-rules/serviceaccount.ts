import type { AdmissionRules } from './port.ts';

export const serviceaccountRules: readonly AdmissionRules[] = [
  {
    resource: { group: '', version: 'v1', plural: 'serviceaccounts' },
    validations: [
      {
        on: ['create'],
        message: 'serviceaccount creates only the ServiceAccount default, with nothing in it that gives rights',
        // Judged after the mutating admission of others: what a cluster adds to every ServiceAccount (labels, pull
        // secrets, no token mounted) must not leave a namespace without its own, and gives nobody a right. Annotations
        // may: clouds read roles from them.
        expression: [
          "object.metadata.name == 'default' && !has(object.secrets) && !object.?automountServiceAccountToken.orValue(false) &&",
          '!has(object.metadata.annotations) && !has(object.metadata.ownerReferences) && !has(object.metadata.finalizers)',
        ].join(' '),
      },
    ],
  },
];
