import { clusterroleAggregationRules } from './admission-rules/clusterrole-aggregation.ts';
import { deploymentRules } from './admission-rules/deployment.ts';
import { endpointsRules } from './admission-rules/endpoints.ts';
import { endpointsliceRules } from './admission-rules/endpointslice.ts';
import { garbageCollectorRules } from './admission-rules/garbage-collector.ts';
import { namespaceRules } from './admission-rules/namespace.ts';
import { podGarbageCollectorRules } from './admission-rules/pod-garbage-collector.ts';
import type { AdmissionRules } from './admission-rules/port.ts';
import { replicasetRules } from './admission-rules/replicaset.ts';
import { rootCaCertificatePublisherRules } from './admission-rules/root-ca-certificate-publisher.ts';
import { serviceaccountRules } from './admission-rules/serviceaccount.ts';
import { ttlAfterFinishedRules } from './admission-rules/ttl-after-finished.ts';

/** By the controller's name. Expressions are typed: the API server's type checker must not warn about any. */
export const ADMISSION_RULES: ReadonlyMap<string, readonly AdmissionRules[]> = new Map([
  // One line each.
  ['clusterrole-aggregation', clusterroleAggregationRules],
  ['deployment', deploymentRules],
  ['endpoints', endpointsRules],
  ['endpointslice', endpointsliceRules],
  ['garbage-collector', garbageCollectorRules],
  ['namespace', namespaceRules],
  ['pod-garbage-collector', podGarbageCollectorRules],
  ['replicaset', replicasetRules],
  ['root-ca-certificate-publisher', rootCaCertificatePublisherRules],
  ['serviceaccount', serviceaccountRules],
  ['ttl-after-finished', ttlAfterFinishedRules],
]);
