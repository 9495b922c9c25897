import type { Health, Metrics, Probe } from '#telemetry/port.ts';
import type { DoorRequest, DoorResponse, Route } from './port.ts';

/** `/healthz`, `/livez`, `/readyz` and what is below them, as upstream's apiserver library answers them. */
export function healthRoutes(health: Health): readonly Route[] {
  return (['healthz', 'livez', 'readyz'] as const).map((probe) => ({
    method: 'GET',
    path: `/${probe}`,
    below: true,
    verb: 'get',
    open: true,
    handler: async (request) => answer(health, probe, request),
  }));
}

export function metricsRoute(metrics: Pick<Metrics, 'render' | 'contentType'>): Route {
  // Rendering is shared: many who ask at once cost no more than one.
  let rendering: Promise<string> | undefined;
  const render = (): Promise<string> => {
    rendering ??= metrics.render().finally(() => {
      rendering = undefined;
    });
    return rendering;
  };
  const handler = async (): Promise<DoorResponse> => ({
    status: 200,
    contentType: metrics.contentType,
    body: await render(),
  });
  return { method: 'GET', path: '/metrics', verb: 'get', handler };
}

function answer(health: Health, probe: Probe, { path, query }: DoorRequest): DoorResponse {
  const checks = health.report(probe);
  const name = path.slice(`/${probe}/`.length);
  if (name !== '') {
    const check = checks.find((one) => one.name === name);
    if (check === undefined) return { status: 404, body: 'not found\n' };
    return check.failing === undefined ? { status: 200, body: 'ok' } : { status: 500, body: 'reason withheld\n' };
  }
  const excluded = new Set(query.getAll('exclude'));
  const asked = checks.filter((check) => !excluded.has(check.name));
  const failed = asked.some((check) => check.failing !== undefined);
  if (!failed && !query.has('verbose')) return { status: 200, body: 'ok' };
  // Why a check fails is for the log: these pages are open to everyone.
  const lines = asked.map((check) =>
    check.failing === undefined ? `[+]${check.name} ok` : `[-]${check.name} failed: reason withheld`,
  );
  return {
    status: failed ? 500 : 200,
    body: `${[...lines, `${probe} check ${failed ? 'failed' : 'passed'}`].join('\n')}\n`,
  };
}
