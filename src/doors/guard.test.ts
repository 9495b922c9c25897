import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { fakeClock } from '#kit/fake-clock.ts';
import { recordingTelemetry } from '#kit/telemetry.ts';
import { createGuard } from './guard.ts';
import type { Route } from './port.ts';
import type { Reviews } from './reviews.ts';
import type { Trust } from './trust.ts';

const HEALTH: Route = {
  method: 'GET',
  path: '/healthz',
  verb: 'get',
  open: true,
  handler: async () => ({ status: 200, body: 'ok' }),
};

/** The status for a GET of /healthz from that address. */
function door(): (from: string) => Promise<number> {
  const { meter, log } = recordingTelemetry();
  const nobody = {} as unknown as Reviews;
  const trust = () => ({}) as unknown as Trust;
  const guard = createGuard({ routes: [HEALTH], reviews: nobody, trust, clock: fakeClock(), meter, log });
  return (remoteAddress) =>
    new Promise((resolve) => {
      const request = { url: '/healthz', method: 'GET', headers: {}, complete: true, socket: { remoteAddress } };
      const response = { writeHead: (status: number) => resolve(status), end: () => {} };
      guard(request as unknown as IncomingMessage, response as unknown as ServerResponse);
    });
}

const asked = async (ask: (from: string) => Promise<number>, from: readonly string[]): Promise<number> => {
  const statuses = await Promise.all(from.map(ask));
  return statuses.filter((status) => status === 200).length;
};

test('one stranger has a part of what the open routes answer, and the others the rest', async () => {
  const ask = door();
  expect(await asked(ask, Array(300).fill('10.0.0.1'))).toBe(40);
  expect(await asked(ask, Array(30).fill('10.0.0.2'))).toBe(30);
});

test('many strangers share one part, and a kubelet of this host needs none of it', async () => {
  const ask = door();
  const strangers = Array.from({ length: 600 }, (_, nth) => `10.0.${nth % 100}.7`);
  expect(await asked(ask, strangers)).toBe(200);
  expect(await asked(ask, ['127.0.0.1', '::1', '::ffff:127.0.0.1', '10.1.0.1'])).toBe(3);
});
