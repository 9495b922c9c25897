/** Stands between Comptroller and the API server: a port of ours, behind which connections go through, or do not. */
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { LocalCluster } from '#local/local-cluster.ts';
import { createFrontProxy } from './front-proxy.ts';
import { type Meddler, startMeddler } from './meddler.ts';
import type { Between, Mischief, RequestSeen } from './port.ts';
import { deadEnd, type Tunnel, tunnel } from './tunnel.ts';

type Place = Pick<LocalCluster, 'server' | 'caFile' | 'serving' | 'frontProxyClient' | 'comptrollerCa'>;
type Mode = 'pass' | 'freeze' | 'refuse' | 'meddle';

/** The API server must listen on loopback, and take `frontProxyClient` for a front proxy. */
export async function openBetween(cluster: Place): Promise<Between> {
  const gate = new Gate(cluster);
  await gate.open();
  return gate;
}

class Gate implements Between {
  readonly #cluster: Place;
  readonly #apiPort: number;
  readonly #listener = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => this.#take(socket));
  readonly #open = new Set<Tunnel>();
  #mode: Mode = 'pass';
  #decide: (request: RequestSeen) => Mischief | undefined = () => undefined;
  #meddler: Meddler | undefined;
  #connections = 0;

  constructor(cluster: Place) {
    this.#cluster = cluster;
    this.#apiPort = Number(new URL(cluster.server).port);
  }

  async open(): Promise<void> {
    const { server, caFile, serving, comptrollerCa, frontProxyClient } = this.#cluster;
    this.#meddler = await startMeddler({
      frontProxy: createFrontProxy(server, caFile, frontProxyClient),
      serving,
      clientCaFile: comptrollerCa.certFile,
      decide: (request) => this.#decide(request),
      reset: (port) => [...this.#open].find((one) => one.port === port)?.reset(),
    });
    await new Promise<void>((resolve) => this.#listener.listen(0, '127.0.0.1', resolve));
  }

  get server(): string {
    return `https://127.0.0.1:${(this.#listener.address() as AddressInfo).port}`;
  }
  get connections(): number {
    return this.#connections;
  }

  pass(): void {
    this.#decide = () => undefined;
    if (this.#mode === 'meddle') this.#mode = 'pass';
    else this.#become('pass');
  }

  freeze(): void {
    this.#mode = 'freeze';
    for (const one of this.#open) one.freeze();
  }

  strand(): void {
    for (const one of this.#open) one.freeze();
  }

  refuse(): void {
    this.#become('refuse');
  }

  meddle(decide: (request: RequestSeen) => Mischief | undefined): void {
    this.#decide = decide;
    this.#become('meddle');
  }

  cut(): void {
    for (const one of [...this.#open]) one.reset();
  }

  async close(): Promise<void> {
    this.#become('refuse');
    this.#meddler?.close();
    await new Promise<void>((resolve) => this.#listener.close(() => resolve()));
  }

  #become(mode: Mode): void {
    if (mode === this.#mode) return;
    this.#mode = mode;
    this.cut();
  }

  #take(near: Socket): void {
    this.#connections++;
    // The port stays ours: given up, somebody else could take it. A reset at once says the same.
    if (this.#mode === 'refuse') {
      near.resetAndDestroy();
      return;
    }
    const forget = (): void => void this.#open.delete(made);
    const port = this.#mode === 'meddle' ? (this.#meddler?.port ?? 0) : this.#apiPort;
    const made = this.#mode === 'freeze' ? deadEnd(near, forget) : tunnel(near, port, forget);
    this.#open.add(made);
  }
}
