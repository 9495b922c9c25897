import type { Config } from './config.ts';

/**
 * Scanners (CIS, STIG) look for a process named kube-controller-manager and read its flags from `ps`. They are shown what
 * is in effect, whether it was given or not, and nothing else: a flag without effect yet is not a control.
 */
export function processTitle(config: Config): string {
  const { serving, leaderElection, cluster } = config;
  const flags: [string, string | undefined][] = [
    ['profiling', 'false'],
    ['use-service-account-credentials', 'true'],
    ['bind-address', serving.bindAddress],
    ['secure-port', String(serving.port)],
    ['tls-min-version', serving.minVersion === 'TLSv1.2' ? 'VersionTLS12' : 'VersionTLS13'],
    ['leader-elect', String(leaderElection.enabled)],
    ['root-ca-file', runs(config, 'root-ca-certificate-publisher') ? cluster.rootCaFile : undefined],
    [
      'terminated-pod-gc-threshold',
      runs(config, 'pod-garbage-collector') ? String(cluster.terminatedPodGcThreshold) : undefined,
    ],
    ['kubeconfig', config.kubeconfig],
    ['controllers', config.controllers.join(',')],
  ];
  const shown = flags.flatMap(([name, value]) => (value !== undefined && isPlain(value) ? [`--${name}=${value}`] : []));
  return ['kube-controller-manager', ...shown].join(' ');
}

function runs({ controllers }: Config, name: string): boolean {
  return controllers.includes(name);
}

/** A value with white space in it could pass for further flags. */
function isPlain(value: string): boolean {
  return /^[\x21-\x7e]{1,200}$/.test(value);
}
