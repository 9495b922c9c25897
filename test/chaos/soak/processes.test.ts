import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { type AddressInfo, connect, createServer } from 'node:net';
import { expect, test } from 'vitest';
import { keeperOf } from '../keeper-of.ts';
import { resourcesOf } from './processes.ts';

test.runIf(process.platform === 'linux')('descriptors, connections and memory of a process are counted', async () => {
  const before = resourcesOf(process.pid);
  expect(Math.abs(before.resident - process.memoryUsage().rss)).toBeLessThan(64 * 2 ** 20);
  const files = [1, 2, 3].map(() => openSync(import.meta.filename, 'r'));
  expect(resourcesOf(process.pid).descriptors - before.descriptors).toBeGreaterThanOrEqual(3);
  for (const file of files) closeSync(file);
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [accepted] = (await once(server, 'connection')) as [import('node:net').Socket];
  // Both ends are ours.
  expect(resourcesOf(process.pid).connections - before.connections).toBe(2);
  client.destroy();
  accepted.destroy();
  server.close();
  expect(() => keeperOf(process.pid)).toThrow('it has none');
});
