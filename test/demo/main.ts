/** `npm run demo`: the main job end to end on a real control plane, with what was proven in a table. Ends 1 if a row fails. */
import { rmSync } from 'node:fs';
import { admin } from '#kit/admin.ts';
import { startCluster } from '#local/cluster.ts';
import { install, startManager } from '#local/manager.ts';
import { books } from './books.ts';
import { rollouts } from './deployments.ts';
import { cleanUp, drainedNamespace } from './endings.ts';
import { badPipeline, onCall, ownerTrick } from './mistakes.ts';
import { createProgress } from './progress.ts';
import { smallQuota } from './quota.ts';
import { theft } from './thief.ts';
import { adoptionAndRelease, midScaleUp, namespaceAndReplicaSet, privilegedIsRefused, survived } from './workloads.ts';

const progress = createProgress(process.stdout);
const seconds = (from: number): string => ((performance.now() - from) / 1000).toFixed(1);

async function story(): Promise<void> {
  progress.step('A control plane: etcd, kube-apiserver, kube-scheduler, kwok with 10 nodes');
  const cluster = await startCluster({ nodes: 10, manager: 'comptroller', progress: (line) => progress.live(line) });
  const person = admin(cluster);
  const stop = async (): Promise<void> => {
    await person.close();
    await cluster.stop();
  };
  // The cluster ends with this process whatever happens; this only makes Ctrl-C tidy and quick.
  process.once('SIGINT', () => void stop().finally(() => process.exit(130)));
  try {
    progress.done(`ready in ${(cluster.boot.ready / 1000).toFixed(1)} s, real Kubernetes at ${cluster.server}`);

    progress.step('Comptroller: keeper, identities, manifests, signed policy, leadership, caches');
    const begun = performance.now();
    const at = await install(cluster);
    const first = await startManager(cluster, at);
    progress.done(`at work after ${seconds(begun)} s (process ${first.pid})`);

    progress.step('Controllers at work');
    await namespaceAndReplicaSet(person, progress);
    await adoptionAndRelease(person, progress);

    progress.step('Policy: a privileged ReplicaSet');
    const refused = await privilegedIsRefused(person, progress);

    progress.step('Deployments: scaled, rolled, rolled back, paused');
    await rollouts(cluster, person, progress);

    progress.step('A ResourceQuota that is too small');
    await smallQuota(cluster, person, progress);

    progress.step('Mistakes, and the breaker');
    const olga = await onCall(cluster, first, person);
    await badPipeline(cluster, person, olga, progress);
    await ownerTrick(cluster, person, olga, progress);
    await drainedNamespace(person, progress);

    progress.step('SIGKILL in the middle of a scale-up');
    await midScaleUp(person, () => first.kill('SIGKILL'), progress);
    const again = performance.now();
    progress.live("waiting for the dead leader's lease to run out");
    const second = await startManager(cluster, at);
    progress.done(`another process leads after ${seconds(again)} s`);
    await survived(person, progress);

    progress.step('A stolen certificate, used beside Comptroller');
    await theft(cluster, person, progress);

    progress.step('The end of things');
    await cleanUp(person, ['store', 'small', 'shop'], progress);

    progress.step("The books: ledger against the API server's audit log");
    await second.kill('SIGTERM');
    await books({ cluster, ledgerDir: second.ledgerDir, refused, progress });
  } finally {
    await stop();
    rmSync(cluster.directory, { recursive: true, force: true });
  }
}

await story();
const { text, failed } = progress.table();
console.log(`\n${text}\n`);
console.log(failed === 0 ? 'Everything above was seen on a real API server.' : `${failed} of the claims did not hold.`);
process.exit(failed === 0 ? 0 : 1);
