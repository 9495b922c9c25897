import { METADATA_STAYS } from './common.ts';
import type { AdmissionRules } from './port.ts';

export const clusterroleAggregationRules: readonly AdmissionRules[] = [
  {
    resource: { group: 'rbac.authorization.k8s.io', version: 'v1', plural: 'clusterroles' },
    validations: [
      {
        on: ['update'],
        message: 'clusterrole-aggregation writes only ClusterRoles with an aggregation rule',
        expression: 'has(oldObject.aggregationRule)',
      },
      {
        on: ['update'],
        message: 'clusterrole-aggregation changes nothing of a ClusterRole but its rules',
        expression: `object.?aggregationRule == oldObject.?aggregationRule && ${METADATA_STAYS}`,
      },
    ],
  },
];
