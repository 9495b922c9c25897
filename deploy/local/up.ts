/** `npm run up`: a real control plane with Comptroller at work, until Ctrl-C. */
import { startCluster } from './cluster.ts';
import type { LocalCluster } from './local-cluster.ts';
import { install, type RunningManager, startManager } from './manager.ts';

const say = (line: string): void => console.log(line);

function hints(cluster: LocalCluster, manager: RunningManager): string {
  const kubectl = `kubectl --kubeconfig ${cluster.kubeconfig}`;
  const ledger = `npm run -s comptroller -- ledger`;
  return [
    '',
    `kubeconfig   ${cluster.kubeconfig}`,
    `ledger       ${manager.ledgerDir}`,
    `audit log    ${cluster.auditLog}`,
    `Comptroller  pid ${manager.pid}, https://127.0.0.1:${manager.port}/readyz?verbose, log ${manager.logFile}`,
    '',
    'Try, in another terminal:',
    `  export KUBECONFIG=${cluster.kubeconfig}`,
    '  kubectl create namespace shop && kubectl -n shop get serviceaccounts,configmaps',
    '  kubectl -n shop apply -f deploy/local/examples/web.yaml          # a ReplicaSet of 10',
    '  kubectl -n shop apply -f deploy/local/examples/privileged.yaml   # refused by policy',
    '  kubectl -n shop describe replicaset privileged',
    `  ${ledger} why --dir ${manager.ledgerDir} replicaset shop/privileged`,
    `  ${ledger} verify --dir ${manager.ledgerDir}`,
    `  ${ledger} completeness --dir ${manager.ledgerDir} --apiserver-audit ${cluster.auditLog}`,
    `  npm run -s comptroller -- certs list --state-dir ${manager.stateDir}`,
    '',
    `(${kubectl.split(' ')[0]} of any recent version will do.) Ctrl-C ends all of it.`,
  ].join('\n');
}

const interrupted = Promise.withResolvers<void>();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.resolve());

const cluster = await startCluster({ nodes: 10, manager: 'comptroller', progress: say });
try {
  say(`control plane ready in ${(cluster.boot.ready / 1000).toFixed(1)} s; starting Comptroller`);
  const manager = await startManager(cluster, await install(cluster));
  say(hints(cluster, manager));
  await Promise.race([
    interrupted.promise,
    cluster.stopped,
    manager.exited.then(() => say(`Comptroller ended; its log: ${manager.logFile}`)),
  ]);
  say('\nending: Comptroller hands over, then the control plane stops');
  await manager.kill('SIGTERM');
} finally {
  await cluster.stop();
}
process.exit(0);
