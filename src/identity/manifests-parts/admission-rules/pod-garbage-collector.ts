import { METADATA_STAYS } from './common.ts';
import type { AdmissionRules } from './port.ts';

export const podGarbageCollectorRules: readonly AdmissionRules[] = [
  {
    resource: { group: '', version: 'v1', plural: 'pods' },
    validations: [
      {
        on: ['delete'],
        message: 'pod-garbage-collector deletes only pods that ended, or were marked so',
        expression: "oldObject.?status.?phase.orValue('') in ['Failed', 'Succeeded']",
      },
    ],
  },
  {
    suffix: 'status',
    resource: { group: '', version: 'v1', plural: 'pods/status' },
    validations: [
      {
        on: ['update'],
        message: 'pod-garbage-collector marks pods as failed, and changes nothing else of them but conditions',
        expression: [
          `${METADATA_STAYS} &&`,
          "object.?status.?phase.orValue('') == 'Failed' &&",
          ...['containerStatuses', 'initContainerStatuses', 'podIP', 'podIPs', 'hostIP', 'qosClass', 'startTime'].map(
            (field, at, { length }) =>
              `object.?status.?${field} == oldObject.?status.?${field}${at < length - 1 ? ' &&' : ''}`,
          ),
        ].join(' '),
      },
    ],
  },
];
