import { eventRules, METADATA_STAYS } from './common.ts';
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
        // Labels stay, though a webhook that sets some at this change is refused with it: any label may be one that an
        // aggregation rule selects, and would give rights for longer than a stolen certificate lasts. Of annotations one
        // keeps the API server from mending its own ClusterRoles.
        expression: `object.?aggregationRule == oldObject.?aggregationRule && ${METADATA_STAYS}`,
      },
    ],
  },
  eventRules('clusterrole-aggregation', ['ClusterRole']),
];
