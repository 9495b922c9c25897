/** The alerts that are shipped name metrics, labels and commands that are there. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { METRICS, type MetricDefinition } from '#telemetry/names.ts';
import { ROOT } from './tree.ts';

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
}

const file = readFileSync(join(ROOT, 'deploy/alerts/comptroller.yaml'), 'utf8');
const alerts = (parse(file) as { groups: readonly { rules: readonly Alert[] }[] }).groups.flatMap(({ rules }) => rules);
const metrics: ReadonlyMap<string, MetricDefinition> = new Map(Object.entries(METRICS));
const FUNCTIONS = new Set(['absent', 'by', 'increase', 'max', 'min', 'or', 'sum', 'time']);
const COMMANDS = /comptroller (ledger|policy|certs|breaker|doctor)( (verify|query|completeness|test|list|show))?\b/g;

/** Words of an expression that are no function, number or label. */
function namesIn(expr: string): readonly string[] {
  const bare = expr.replaceAll(/"[^"]*"|\{[^}]*\}|\[[^\]]*\]|by \([^)]*\)/g, ' ');
  return (bare.match(/[a-z_]+/g) ?? []).filter((word) => !FUNCTIONS.has(word));
}

/** Labels that it picks, sums by, or tells. */
function labelsIn({ expr, annotations }: Alert): readonly string[] {
  const picked = [...expr.matchAll(/\{([a-z_]+)=/g)].map(([, name]) => name ?? '');
  const grouped = [...expr.matchAll(/by \(([a-z_]+)\)/g)].map(([, name]) => name ?? '');
  const told = [...annotations.summary.matchAll(/\$labels\.([a-z_]+)/g)].map(([, name]) => name ?? '');
  return [...picked, ...grouped, ...told];
}

test('there are some, each under a name of its own', () => {
  expect(alerts.length).toBeGreaterThan(8);
  expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length);
});

describe.each(alerts.map((alert) => [alert.alert, alert] as const))('%s', (_, alert) => {
  test('asks of metrics and labels that are fed', () => {
    const names = namesIn(alert.expr);
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) expect([name, metrics.has(name)]).toEqual([name, true]);
    const labels = new Set(names.flatMap((name) => metrics.get(name)?.labels ?? []));
    // `instance` is the scraper's.
    for (const label of labelsIn(alert)) expect([...labels, 'instance']).toContain(label);
  });

  test('says what is wrong and what to do', () => {
    expect(alert.annotations.summary).toMatch(/\.$/);
    expect(alert.annotations.description.length).toBeGreaterThan(20);
    expect(['info', 'warning', 'critical']).toContain(alert.labels.severity);
  });
});

test('the commands they name are there', () => {
  const named = [...file.matchAll(/comptroller ([a-z]+)/g)].map(([text]) => text);
  for (const text of named) expect(file.match(COMMANDS)?.some((command) => command.startsWith(text))).toBe(true);
});
