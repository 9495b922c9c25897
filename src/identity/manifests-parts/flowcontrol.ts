import { FLEET_GROUP, userOf } from '../profiles.ts';
import { LABELS, type Manifest, type ManifestFile } from './kubernetes.ts';
import { LEASE } from './rules.ts';

const API_GROUP = 'flowcontrol.apiserver.k8s.io';

/**
 * Where the API server queues us. Without these our users fall into `global-default` with every tenant's, and a flood
 * there costs the lease. The lease goes beside upstream's own leader elections; all else where upstream's manager is.
 */
export function flowControlFiles(): ManifestFile[] {
  const lease = flowSchema('comptroller-leader', 'leader-election', 110, {
    subjects: [{ kind: 'User', user: { name: userOf('leader') } }],
    resourceRules: [
      {
        apiGroups: ['coordination.k8s.io'],
        resources: ['leases'],
        namespaces: [LEASE.namespace],
        verbs: ['create', 'get', 'update', 'watch'],
      },
    ],
  });
  const fleet = flowSchema('comptroller-controllers', 'workload-high', 810, {
    subjects: [{ kind: 'Group', group: { name: FLEET_GROUP } }],
    resourceRules: [{ apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'], verbs: ['*'] }],
    nonResourceRules: [{ nonResourceURLs: ['*'], verbs: ['*'] }],
  });
  return [
    { file: 'flowcontrol/controllers.yaml', objects: [fleet] },
    { file: 'flowcontrol/leader.yaml', objects: [lease] },
  ];
}

function flowSchema(name: string, level: string, matchingPrecedence: number, rule: object): Manifest {
  return {
    apiVersion: `${API_GROUP}/v1`,
    kind: 'FlowSchema',
    metadata: { name, labels: LABELS },
    spec: {
      distinguisherMethod: { type: 'ByUser' },
      matchingPrecedence,
      priorityLevelConfiguration: { name: level },
      rules: [rule],
    },
  };
}
