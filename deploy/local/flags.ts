import { join } from 'node:path';
import type { Pki } from './pki.ts';

export interface Ports {
  readonly etcd: number;
  readonly etcdPeer: number;
  readonly api: number;
  readonly scheduler: number;
  readonly manager: number;
}

/** What the command lines are made of. */
export interface Plan {
  readonly directory: string;
  readonly pki: Pki;
  readonly ports: Ports;
  readonly auditPolicyFile: string;
  readonly auditLog: string;
  readonly runtimeConfig?: string | undefined;
}

const CLUSTER_CIDR = '10.244.0.0/16';
const SERVICE_CIDR = '10.96.0.0/16';

/** Strong etcd for a throw-away cluster would be a waste: without fsync a power cut loses it, and nobody minds. */
export function etcdArguments({ directory, pki, ports }: Plan): readonly string[] {
  const client = `https://127.0.0.1:${ports.etcd}`;
  const peer = `https://127.0.0.1:${ports.etcdPeer}`;
  return [
    `--data-dir=${join(directory, 'etcd')}`,
    '--name=local',
    '--unsafe-no-fsync',
    '--log-level=warn',
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=local=${peer}`,
    `--cert-file=${pki.etcdServer.certFile}`,
    `--key-file=${pki.etcdServer.keyFile}`,
    `--trusted-ca-file=${pki.etcdCa.certFile}`,
    '--client-cert-auth',
    `--peer-cert-file=${pki.etcdServer.certFile}`,
    `--peer-key-file=${pki.etcdServer.keyFile}`,
    `--peer-trusted-ca-file=${pki.etcdCa.certFile}`,
    '--peer-client-cert-auth',
  ];
}

export function apiServerArguments(plan: Plan): readonly string[] {
  const { pki, ports } = plan;
  return [
    '--bind-address=127.0.0.1',
    `--secure-port=${ports.api}`,
    `--tls-cert-file=${pki.serving.certFile}`,
    `--tls-private-key-file=${pki.serving.keyFile}`,
    // Endpoints may not point to loopback, so nobody maintains those of the Service `kubernetes`.
    '--endpoint-reconciler-type=none',
    `--etcd-servers=https://127.0.0.1:${ports.etcd}`,
    `--etcd-cafile=${pki.etcdCa.certFile}`,
    `--etcd-certfile=${pki.etcdClient.certFile}`,
    `--etcd-keyfile=${pki.etcdClient.keyFile}`,
    '--authorization-mode=Node,RBAC',
    `--client-ca-file=${pki.clientCaBundle}`,
    '--enable-bootstrap-token-auth',
    // The second is off by default; without it a right on finalizers that a controller lacks goes unnoticed.
    '--enable-admission-plugins=NodeRestriction,OwnerReferencesPermissionEnforcement',
    // So that a privileged container is refused by policy, not by a default of the API server.
    '--allow-privileged=true',
    `--service-cluster-ip-range=${SERVICE_CIDR}`,
    '--profiling=false',
    ...(plan.runtimeConfig === undefined ? [] : [`--runtime-config=${plan.runtimeConfig}`]),
    ...serviceAccountArguments(plan),
    ...aggregationArguments(plan),
    ...auditArguments(plan),
  ];
}

function serviceAccountArguments({ pki }: Plan): readonly string[] {
  return [
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-key-file=${pki.serviceAccount.publicKeyFile}`,
    `--service-account-signing-key-file=${pki.serviceAccount.keyFile}`,
  ];
}

function aggregationArguments({ pki }: Plan): readonly string[] {
  return [
    `--requestheader-client-ca-file=${pki.frontProxyCa.certFile}`,
    '--requestheader-allowed-names=front-proxy-client',
    '--requestheader-username-headers=X-Remote-User',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    `--proxy-client-cert-file=${pki.frontProxyClient.certFile}`,
    `--proxy-client-key-file=${pki.frontProxyClient.keyFile}`,
  ];
}

/** Each event is written before its answer goes out, to one file that is never rotated: nothing can be missing. */
function auditArguments({ auditPolicyFile, auditLog }: Plan): readonly string[] {
  return [
    `--audit-policy-file=${auditPolicyFile}`,
    `--audit-log-path=${auditLog}`,
    '--audit-log-format=json',
    '--audit-log-mode=blocking',
    '--audit-log-maxsize=0',
  ];
}

/** The scheduler's own limits (50 a second) would be what every benchmark measures. */
export function schedulerConfig(kubeconfig: string): object {
  return {
    apiVersion: 'kubescheduler.config.k8s.io/v1',
    kind: 'KubeSchedulerConfiguration',
    clientConnection: { kubeconfig, qps: 5000, burst: 5000 },
    leaderElection: { leaderElect: false },
  };
}

function servingArguments({ pki }: Plan, port: number, kubeconfig: string): readonly string[] {
  return [
    '--bind-address=127.0.0.1',
    `--secure-port=${port}`,
    `--tls-cert-file=${pki.serving.certFile}`,
    `--tls-private-key-file=${pki.serving.keyFile}`,
    `--authentication-kubeconfig=${kubeconfig}`,
    `--authorization-kubeconfig=${kubeconfig}`,
    '--profiling=false',
  ];
}

export function schedulerArguments(plan: Plan, kubeconfig: string, configFile: string): readonly string[] {
  return [`--config=${configFile}`, ...servingArguments(plan, plan.ports.scheduler, kubeconfig)];
}

export function kwokArguments(kubeconfig: string, configs: readonly string[]): readonly string[] {
  return [
    `--kubeconfig=${kubeconfig}`,
    '--manage-all-nodes=true',
    `--cidr=${CLUSTER_CIDR}`,
    '--node-ip=127.0.0.1',
    '--node-lease-duration-seconds=40',
    // At INFO it logs every write: half of its CPU at the rates of a benchmark.
    '--v=WARN',
    ...configs.map((file) => `--config=${file}`),
  ];
}

/** `extra` comes last, so that it overrides; lists would be joined, so that of the controllers is given once. */
export function managerArguments(plan: Plan, kubeconfig: string, extra: readonly string[]): readonly string[] {
  const { pki } = plan;
  return [
    `--kubeconfig=${kubeconfig}`,
    ...servingArguments(plan, plan.ports.manager, kubeconfig),
    '--use-service-account-credentials=true',
    `--service-account-private-key-file=${pki.serviceAccount.keyFile}`,
    `--root-ca-file=${pki.clusterCa.certFile}`,
    `--cluster-signing-cert-file=${pki.clusterCa.certFile}`,
    `--cluster-signing-key-file=${pki.clusterCa.keyFile}`,
    ...(extra.some((flag) => flag.startsWith('--controllers='))
      ? []
      : ['--controllers=*,bootstrapsigner,tokencleaner']),
    ...extra,
  ];
}
