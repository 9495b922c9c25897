import type { AdmissionRules } from './port.ts';

export const ttlAfterFinishedRules: readonly AdmissionRules[] = [
  {
    resource: { group: 'batch', version: 'v1', plural: 'jobs' },
    validations: [
      {
        on: ['delete'],
        message: 'ttl-after-finished deletes only finished Jobs that have a TTL',
        expression: [
          'has(oldObject.spec.ttlSecondsAfterFinished) &&',
          "oldObject.?status.?conditions.orValue([]).exists(c, (c.type == 'Complete' || c.type == 'Failed') && c.status == 'True')",
        ].join(' '),
      },
    ],
  },
];
