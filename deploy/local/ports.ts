import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Below what Linux and macOS hand out for outgoing connections: a port from there could be taken by any connection
 * between the look and the server's own bind.
 */
const LOWEST = 20_000;
const HIGHEST = 32_000;

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Different free ports on loopback, drawn at random so that clusters that start together rarely meet. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const found = new Set<number>();
  for (let tries = 0; found.size < count; tries++) {
    if (tries > 200) throw new Error(`finding ${count} free ports between ${LOWEST} and ${HIGHEST} on 127.0.0.1`);
    const port = randomInt(LOWEST, HIGHEST);
    if (!found.has(port) && (await isFree(port))) found.add(port);
  }
  return [...found];
}
