import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { METRICS, type MetricDefinition, type MetricName } from './names.ts';
import type { Meter, Metrics } from './port.ts';

export interface BuildInfo {
  /** Comptroller's own version. */
  readonly version: string;
  /** The Kubernetes version whose behaviour it has: `v1.37.1`. */
  readonly kubernetes: string;
}

/** Label sets of one metric; the next ones are counted as `other`. No input may grow memory without bound (I15). */
const MAX_SERIES = 1000;
const MAX_LABEL = 128;
const OTHER = 'other';
/** The key of the set that stands for all others: no set of labels has one without line ends. */
const OVERFLOW = OTHER;

type Labels = Readonly<Record<string, string>>;
type Instrument =
  | { readonly type: 'counter' | 'gauge'; readonly values: Map<Labels, number> }
  | { readonly type: 'histogram'; readonly metric: Histogram };

const clip = (value: string | undefined): string => String(value ?? '').slice(0, MAX_LABEL);

/** A registry of its own with every metric of `names.ts`, process metrics and `kubernetes_build_info`. */
export function createMetrics(build: BuildInfo, maxSeries = MAX_SERIES): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  registerBuildInfo(registry, build);
  const instruments = new Map<MetricName, Instrument>();
  const series = new Map<MetricName, Map<string, Labels>>();
  for (const name of Object.keys(METRICS) as MetricName[]) {
    instruments.set(name, createInstrument(registry, name, METRICS[name]));
    series.set(name, new Map());
  }
  const bounded = (name: MetricName, given: Labels): Labels => {
    const { labels } = METRICS[name];
    const known = series.get(name) as Map<string, Labels>;
    // Counted several times for each write: what was seen before costs one look.
    let key = '';
    for (const label of labels) key += `${clip(given[label])}\n`;
    const seen = known.get(key);
    if (seen !== undefined) return seen;
    const full = known.size >= maxSeries;
    const own = Object.fromEntries(labels.map((label) => [label, full ? OTHER : clip(given[label])]));
    const at = full ? OVERFLOW : key;
    if (!known.has(at)) known.set(at, own);
    return known.get(at) as Labels;
  };
  return {
    meter: createMeter(instruments, bounded),
    render: () => registry.metrics(),
    contentType: registry.contentType,
  };
}

function createMeter(
  instruments: ReadonlyMap<MetricName, Instrument>,
  bounded: (name: MetricName, labels: Labels) => Labels,
): Meter {
  return {
    count(name, labels, by = 1) {
      const found = instruments.get(name);
      if (found?.type !== 'counter' || !(by >= 0 && Number.isFinite(by))) return;
      const own = bounded(name, labels);
      found.values.set(own, (found.values.get(own) ?? 0) + by);
    },
    set(name, labels, value) {
      const found = instruments.get(name);
      if (found?.type === 'gauge' && Number.isFinite(value)) found.values.set(bounded(name, labels), value);
    },
    observe(name, labels, value) {
      const found = instruments.get(name);
      if (found?.type === 'histogram' && Number.isFinite(value)) found.metric.observe(bounded(name, labels), value);
    },
  };
}

function createInstrument(registry: Registry, name: string, definition: MetricDefinition): Instrument {
  const { type, help } = definition;
  const common = { name, help, labelNames: [...definition.labels], registers: [registry] };
  if (type !== 'histogram') return { type, values: collected(type, common) };
  return { type, metric: new Histogram({ ...common, buckets: [...(definition.buckets ?? [])] }) };
}

/** Counted a dozen times for each write, and read twice a minute: numbers are kept here, and handed over when asked for. */
function collected(type: 'counter' | 'gauge', common: ConstructorParameters<typeof Counter>[0]): Map<Labels, number> {
  const values = new Map<Labels, number>();
  if (type === 'counter')
    new Counter({
      ...common,
      collect() {
        this.reset();
        for (const [labels, value] of values) this.inc(labels, value);
      },
    });
  else
    new Gauge({
      ...common,
      collect() {
        for (const [labels, value] of values) this.set(labels, value);
      },
    });
  return values;
}

/** As distributions of Kubernetes do it: the version whose behaviour it has, and ours behind the plus sign. */
function registerBuildInfo(registry: Registry, { version, kubernetes }: BuildInfo): void {
  const [major = '', minor = ''] = kubernetes.replace(/^v/, '').split('.');
  const labels = {
    major,
    minor,
    git_version: `${kubernetes}+comptroller-${version}`,
    compiler: 'node',
    platform: `${process.platform}/${process.arch}`,
  };
  const name = 'kubernetes_build_info';
  const help = 'The Kubernetes version whose behaviour this build has, and the version of Comptroller: 1';
  new Gauge({ name, help, labelNames: Object.keys(labels), registers: [registry] }).set(labels, 1);
}
