/**
 * What kube-controller-manager v1.37 knows by name, so that Comptroller can say "not yet" instead of "unknown". Taken
 * from its --help and from cmd/kube-controller-manager/names.
 */

/** Its flags that Comptroller does not have, beside those of `flags.ts`. */
export const OTHER_UPSTREAM_FLAGS: ReadonlySet<string> = new Set(
  `
  allow-metric-labels allow-metric-labels-manifest allow-untagged-cloud attach-detach-reconcile-sync-period
  authentication-skip-lookup authentication-token-webhook-cache-ttl authentication-tolerate-lookup-failure
  authorization-always-allow-paths authorization-webhook-cache-authorized-ttl
  authorization-webhook-cache-unauthorized-ttl cert-dir cidr-allocator-type cloud-config cloud-provider
  cluster-signing-duration cluster-signing-kube-apiserver-client-cert-file
  cluster-signing-kube-apiserver-client-key-file cluster-signing-kubelet-client-cert-file
  cluster-signing-kubelet-client-key-file cluster-signing-kubelet-serving-cert-file
  cluster-signing-kubelet-serving-key-file cluster-signing-legacy-unknown-cert-file
  cluster-signing-legacy-unknown-key-file concurrent-cron-job-syncs concurrent-daemonset-syncs
  concurrent-deployment-syncs concurrent-device-taint-eviction-syncs concurrent-disruption-syncs
  concurrent-endpoint-syncs concurrent-ephemeralvolume-syncs
  concurrent-horizontal-pod-autoscaler-syncs concurrent-job-syncs concurrent-rc-syncs
  concurrent-replicaset-syncs concurrent-resource-quota-syncs concurrent-resourceclaim-syncs
  concurrent-service-endpoint-syncs concurrent-serviceaccount-token-syncs concurrent-statefulset-syncs
  concurrent-ttl-after-finished-syncs concurrent-validating-admission-policy-status-syncs configure-cloud-routes
  contention-profiling controller-shutdown-timeout controller-start-interval disable-attach-detach-reconcile-sync
  disable-force-detach-on-timeout disable-http2-serving disabled-metrics emulated-version enable-dynamic-provisioning
  enable-hostpath-provisioner enable-leader-migration
  external-cloud-volume-plugin flex-volume-plugin-dir
  horizontal-pod-autoscaler-cpu-initialization-period horizontal-pod-autoscaler-downscale-stabilization
  horizontal-pod-autoscaler-initial-readiness-delay horizontal-pod-autoscaler-sync-period
  horizontal-pod-autoscaler-tolerance http2-max-streams-per-connection kube-api-content-type
  large-cluster-size-threshold leader-migration-config legacy-service-account-token-clean-up-period
  log-flush-frequency log-json-info-buffer-size log-json-split-stream log-text-info-buffer-size log-text-split-stream
  min-compatibility-version min-resync-period mirroring-concurrent-service-endpoint-syncs
  mirroring-endpointslice-updates-batch-period mirroring-max-endpoints-per-subset
  node-cidr-mask-size node-cidr-mask-size-ipv4 node-cidr-mask-size-ipv6 node-eviction-rate node-monitor-grace-period
  node-monitor-period node-startup-grace-period node-sync-period permit-address-sharing permit-port-sharing
  pv-recycler-increment-timeout-nfs pv-recycler-minimum-timeout-hostpath pv-recycler-minimum-timeout-nfs
  pv-recycler-pod-template-filepath-hostpath pv-recycler-pod-template-filepath-nfs
  pv-recycler-timeout-increment-hostpath pvclaimbinder-sync-period requestheader-allowed-names
  requestheader-extra-headers-prefix requestheader-group-headers requestheader-uid-headers
  requestheader-username-headers resource-quota-sync-period route-reconciliation-period secondary-node-eviction-rate
  show-hidden-metrics-for-version tls-curve-preferences tls-sni-cert-key unhealthy-zone-threshold
  `
    .trim()
    .split(/\s+/),
);

/** Each line: canonical name, then its alias. */
const NAMES = `
bootstrap-signer-controller bootstrapsigner
certificatesigningrequest-approving-controller csrapproving
certificatesigningrequest-cleaner-controller csrcleaner
certificatesigningrequest-signing-controller csrsigning
clusterrole-aggregation-controller clusterrole-aggregation
cronjob-controller cronjob
daemonset-controller daemonset
deployment-controller deployment
device-taint-eviction-controller
disruption-controller disruption
endpoints-controller endpoint
endpointslice-controller endpointslice
endpointslice-mirroring-controller endpointslicemirroring
ephemeral-volume-controller ephemeral-volume
garbage-collector-controller garbagecollector
horizontal-pod-autoscaler-controller horizontalpodautoscaling
job-controller job
kube-apiserver-serving-clustertrustbundle-publisher-controller
legacy-serviceaccount-token-cleaner-controller legacy-service-account-token-cleaner
namespace-controller namespace
node-ipam-controller nodeipam
node-lifecycle-controller nodelifecycle
persistentvolume-attach-detach-controller attachdetach
persistentvolume-binder-controller persistentvolume-binder
persistentvolume-expander-controller persistentvolume-expander
persistentvolume-protection-controller pv-protection
persistentvolumeclaim-protection-controller pvc-protection
pod-garbage-collector-controller podgc
podcertificaterequest-cleaner-controller
podgroup-protection-controller
replicaset-controller replicaset
replicationcontroller-controller replicationcontroller
resourceclaim-controller resource-claim-controller
resourcepoolstatusrequest-controller
resourcequota-controller resourcequota
root-ca-certificate-publisher-controller root-ca-cert-publisher
selinux-warning-controller
service-cidr-controller
serviceaccount-controller serviceaccount
serviceaccount-token-controller serviceaccount-token
statefulset-controller statefulset
storage-version-migrator-controller svm
storageversion-garbage-collector-controller storage-version-gc
taint-eviction-controller
token-cleaner-controller tokencleaner
ttl-after-finished-controller ttl-after-finished
ttl-controller ttl
validatingadmissionpolicy-status-controller
volumeattributesclass-protection-controller
`;

/** Canonical names and aliases, each to the name that Comptroller has (or will have) for it: without `-controller`. */
export const UPSTREAM_CONTROLLERS: ReadonlyMap<string, string> = new Map(
  NAMES.trim()
    .split('\n')
    .flatMap((line) => {
      const [canonical = '', ...aliases] = line.split(' ');
      const name = canonical.replace(/-controller$/, '');
      return [canonical, name, ...aliases].map((known) => [known, name] as const);
    }),
);
