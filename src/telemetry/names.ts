/**
 * Every metric, in one place: type, help, label names. Upstream's names where the meaning is the same. Object names,
 * namespaces and uids are never labels. A wrong label does not compile.
 */
export const METRICS = {
  // Work queues (upstream's names and labels).
  workqueue_depth: { type: 'gauge', help: 'Current depth of workqueue', labels: ['name'] },
  workqueue_adds_total: { type: 'counter', help: 'Total number of adds handled by workqueue', labels: ['name'] },
  workqueue_retries_total: { type: 'counter', help: 'Total number of retries handled by workqueue', labels: ['name'] },
  workqueue_queue_duration_seconds: {
    type: 'histogram',
    help: 'How long in seconds an item stays in workqueue before being requested',
    labels: ['name'],
    buckets: [0.00001, 0.0001, 0.001, 0.01, 0.1, 1, 10],
  },
  workqueue_work_duration_seconds: {
    type: 'histogram',
    help: 'How long in seconds processing an item from workqueue takes',
    labels: ['name'],
    buckets: [0.0001, 0.001, 0.01, 0.1, 1, 10],
  },
  workqueue_unfinished_work_seconds: {
    type: 'gauge',
    help: 'How many seconds of work has been done that is in progress and has not been observed by work_duration',
    labels: ['name'],
  },
  workqueue_longest_running_processor_seconds: {
    type: 'gauge',
    help: 'How many seconds the longest running processor for workqueue has been running',
    labels: ['name'],
  },

  // Requests to the API server.
  rest_client_requests_total: {
    type: 'counter',
    help: 'Number of HTTP requests, partitioned by status code, method and identity',
    labels: ['code', 'method', 'identity'],
  },
  rest_client_request_duration_seconds: {
    type: 'histogram',
    help: 'Request latency in seconds, by verb and identity',
    labels: ['verb', 'identity'],
    buckets: [0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 5, 15, 30],
  },

  // Cache.
  cache_objects: { type: 'gauge', help: 'Objects in the cache, by resource', labels: ['resource'] },
  garbagecollector_controller_resources_sync_error_total: {
    type: 'counter',
    help: 'Number of garbage collector resources sync errors',
    labels: [],
  },
  cache_events_total: {
    type: 'counter',
    help: 'Watch events applied, by resource and type',
    labels: ['resource', 'type'],
  },
  cache_relists_total: { type: 'counter', help: 'Lists begun, by resource and why', labels: ['resource', 'why'] },
  cache_last_event_age_seconds: {
    type: 'gauge',
    help: 'Seconds since the last event or bookmark, by resource',
    labels: ['resource'],
  },

  // Gate.
  gate_writes_total: {
    type: 'counter',
    help: 'Planned writes, by controller, verb and outcome',
    labels: ['controller', 'verb', 'outcome'],
  },
  gate_stage_duration_seconds: {
    type: 'histogram',
    help: 'Time in one stage of the gate',
    labels: ['stage'],
    buckets: [0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1],
  },
  gate_refusals_total: {
    type: 'counter',
    help: 'Refused writes, by controller and code',
    labels: ['controller', 'code'],
  },
  gate_parked_writes: {
    type: 'gauge',
    help: 'Refused writes that wait for something that matters to change',
    labels: [],
  },
  gate_events_dropped_total: { type: 'counter', help: 'Events dropped before their intent, by why', labels: ['why'] },

  quota_budget_refusals_total: {
    type: 'counter',
    help: 'Writes that waited because a budget was used up, by controller and scope of the budget',
    labels: ['controller', 'scope'],
  },
  quota_forecast_total: {
    type: 'counter',
    help: 'Creates in namespaces with ResourceQuotas, by verdict of the forecast (admitted, probe, delayed)',
    labels: ['verdict'],
  },
  quota_forecast_mistaken_total: {
    type: 'counter',
    help: 'Forecasts that the API server contradicted, by what it said (admitted, refused)',
    labels: ['api'],
  },
  quota_reserved: { type: 'gauge', help: 'Creates under way that ResourceQuotas are concerned with', labels: [] },
  quota_waiting: { type: 'gauge', help: 'Keys that wait for room in a ResourceQuota', labels: [] },
  // Blast-radius breaker.
  breaker_holds: { type: 'gauge', help: 'Holds that stand, by state (open, rejected)', labels: ['state'] },
  breaker_trips_total: {
    type: 'counter',
    help: 'Holds made, by controller and scope (cause, namespace, cluster); unremembered: refused, and too many to keep one more',
    labels: ['controller', 'scope'],
  },
  breaker_weight_total: {
    type: 'counter',
    help: 'Weight of what was let go, by controller and evidence',
    labels: ['controller', 'evidence'],
  },
  breaker_state_writes_total: {
    type: 'counter',
    help: "Writes of the breaker's state, by outcome (kept, conflict, failed)",
    labels: ['outcome'],
  },
  breaker_state_reads_failed_total: {
    type: 'counter',
    help: "Times that the breaker's state could not be opened, so that nothing was deleted, by why",
    labels: ['why'],
  },

  // Policy.
  policy_decision_duration_seconds: {
    type: 'histogram',
    help: 'Evaluation of one decision inside the evaluator',
    labels: [],
    buckets: [0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.005, 0.05],
  },
  policy_decisions_total: {
    type: 'counter',
    help: 'Decisions, by controller and verdict (allow, deny, error)',
    labels: ['controller', 'verdict'],
  },
  policy_evaluator_restarts_total: { type: 'counter', help: 'Evaluators killed or crashed, by why', labels: ['why'] },
  policy_bundle_info: { type: 'gauge', help: 'The active bundle: 1', labels: ['version', 'digest'] },
  policy_bundle_errors_total: { type: 'counter', help: 'Bundles refused, by why', labels: ['why'] },

  // Ledger.
  ledger_records_total: { type: 'counter', help: 'Records appended, by type', labels: ['type'] },
  ledger_append_duration_seconds: {
    type: 'histogram',
    help: 'From the request for a record until it is durable',
    labels: [],
    buckets: [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1],
  },
  ledger_size_records: { type: 'gauge', help: 'Records in the log of this process', labels: [] },
  ledger_unrecorded_total: {
    type: 'counter',
    help: 'Attempts to send a write without a record, all refused; constant 0',
    labels: [],
  },
  ledger_disk_used_ratio: { type: 'gauge', help: 'Used share of the disk that the ledger lies on', labels: [] },
  ledger_bodies_shed_total: { type: 'counter', help: 'Records without a body, by why', labels: ['why'] },
  ledger_failures_total: { type: 'counter', help: 'Failures of the ledger, by why', labels: ['why'] },

  // Identities.
  identity_certificate_expiration_timestamp_seconds: {
    type: 'gauge',
    help: 'End of the identity certificate in use',
    labels: ['identity'],
  },
  identity_renewals_total: {
    type: 'counter',
    help: 'Renewals, by identity and outcome',
    labels: ['identity', 'outcome'],
  },

  // Leadership (upstream's names).
  leader_election_master_status: { type: 'gauge', help: 'Whether this process leads: 1 or 0', labels: ['name'] },
  leader_election_slowpath_total: {
    type: 'counter',
    help: 'Renewals that had to read the lease first',
    labels: ['name'],
  },

  // Process.
  running_managed_controllers: { type: 'gauge', help: 'Controllers running', labels: ['name', 'manager'] },
  event_loop_delay_seconds: { type: 'gauge', help: 'Delay of the event loop, by quantile', labels: ['quantile'] },

  // Doors.
  doors_requests_total: {
    type: 'counter',
    help: 'Requests at the HTTPS server, by route and status',
    labels: ['route', 'code'],
  },
} as const satisfies Record<string, MetricDefinition>;

export interface MetricDefinition {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  readonly buckets?: readonly number[];
}

export type MetricName = keyof typeof METRICS;
export type LabelsOf<N extends MetricName> = { readonly [L in (typeof METRICS)[N]['labels'][number]]: string };
