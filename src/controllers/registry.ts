import type { Controller } from '#core/controller.ts';
import { clusterroleAggregation } from './cluster/clusterrole-aggregation.ts';
import { garbageCollector } from './cluster/garbage-collector.ts';
import { namespace } from './cluster/namespace.ts';
import { podGarbageCollector } from './cluster/pod-garbage-collector.ts';
import { rootCaCertificatePublisher } from './identity/root-ca-certificate-publisher.ts';
import { serviceaccount } from './identity/serviceaccount.ts';
import { endpoints } from './network/endpoints.ts';
import { endpointslice } from './network/endpointslice.ts';
import { deployment } from './workloads/deployment.ts';
import { replicaset } from './workloads/replicaset.ts';
import { ttlAfterFinished } from './workloads/ttl-after-finished.ts';

/** Every controller, in the order of their names. Static on purpose: nothing that merely lies in a folder is loaded. */
export const CONTROLLERS: readonly Controller[] = [
  // One line each.
  clusterroleAggregation,
  deployment,
  endpoints,
  endpointslice,
  garbageCollector,
  namespace,
  podGarbageCollector,
  replicaset,
  rootCaCertificatePublisher,
  serviceaccount,
  ttlAfterFinished,
];
