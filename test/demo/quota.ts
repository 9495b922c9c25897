/** A ResourceQuota that is too small for a Deployment: pods as far as it goes, and no storm of refused requests. */
import type { Admin } from '#kit/admin.ts';
import { readAudit } from '#kit/audit.ts';
import type { LocalCluster } from '#local/local-cluster.ts';
import { deployment } from './objects.ts';
import type { Progress } from './progress.ts';

const SMALL = 'small';
const QUOTA = { namespace: SMALL, name: 'pods' };
/** How long refusals are counted, and how many there may be: a first try, and probes that come ever more seldom. */
const WATCHED = 12_000;
const REFUSALS = 8;

export async function smallQuota(cluster: LocalCluster, admin: Admin, progress: Progress): Promise<void> {
  // Usage is counted by upstream's controller: it runs beside ours, with a lease of its own.
  await cluster.startUpstreamManager([
    '--controllers=resourcequota-controller',
    '--leader-elect-resource-name=kube-controller-manager-upstream',
  ]);
  await admin.create('core/namespaces', { metadata: { name: SMALL } });
  await admin.create('core/resourcequotas', { metadata: QUOTA, spec: { hard: { pods: '10' } } });
  await admin.waitFor('core/resourcequotas', QUOTA, (found) => found?.status?.hard?.pods === '10', {
    why: 'the quota to be counted',
  });
  await admin.create('apps/deployments', deployment(SMALL, 'many', 30));
  const failing = await admin.waitFor(
    'apps/deployments',
    { namespace: SMALL, name: 'many' },
    (found) =>
      found?.status?.availableReplicas === 10 &&
      found.status.conditions?.some(({ type, status }) => type === 'ReplicaFailure' && status === 'True') === true,
    { why: 'ten pods, and the condition that says why not more', timeout: 60_000 },
  );
  const said = failing?.status?.conditions?.find(({ type }) => type === 'ReplicaFailure');
  progress.done(`10 of 30 pods; ${said?.reason}: ${said?.message}`);
  progress.live('counting refused requests');
  await new Promise((resolve) => setTimeout(resolve, WATCHED));
  const refused = readAudit(cluster).filter(
    ({ objectRef, responseStatus, verb }) =>
      verb === 'create' &&
      objectRef?.resource === 'pods' &&
      objectRef.namespace === SMALL &&
      responseStatus?.code === 403,
  ).length;
  progress.proven(
    `a quota of 10 under a Deployment of 30: requests refused in ${WATCHED / 1000} s`,
    refused,
    refused > 0 && refused <= REFUSALS,
  );

  await admin.patch('core/resourcequotas', QUOTA, { spec: { hard: { pods: '40' } } });
  const raised = performance.now();
  await admin.waitFor(
    'apps/deployments',
    { namespace: SMALL, name: 'many' },
    (found) => found?.status?.availableReplicas === 30,
    { why: 'the rest of the pods', timeout: 90_000 },
  );
  const took = ((performance.now() - raised) / 1000).toFixed(1);
  progress.done(`the quota was raised: 30 pods ${took} s later`);
  progress.proven('pods after the quota was raised, by themselves', 30, true);
}
