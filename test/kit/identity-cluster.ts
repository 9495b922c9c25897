import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CONTROLLERS } from '#controllers/registry.ts';
import { newRequest } from '#identity/certificate.ts';
import { renderManifests, toYaml } from '#identity/manifests.ts';
import type { NamingMode } from '#identity/profiles.ts';
import { connectKeeper } from '#keeper/client.ts';
import type { Keeper } from '#keeper/port.ts';
import { spawnKeeper } from '#keeper/spawn.ts';
import { startCluster } from '#local/cluster.ts';
import type { LocalCluster } from '#local/local-cluster.ts';
import { Admin } from './admin.ts';
import { inForce } from './in-force.ts';

export interface IdentityCluster {
  readonly cluster: LocalCluster;
  readonly admin: Admin;
  readonly keeper: Keeper;
  readonly keeperState: string;
  /** A client with a fresh certificate of that identity. */
  as(identity: string): Promise<Admin>;
  /** A second keeper of the same CA, with the stock names. */
  upstreamKeeper(): Promise<Keeper>;
  /** A client with a fresh certificate from any keeper. */
  clientFrom(keeper: Keeper, identity: string): Promise<Admin>;
  /** Lets each controller do everything as far as RBAC goes: what refuses then is an admission policy. */
  openRights(): Promise<void>;
  stop(): Promise<void>;
}

/** A control plane without nodes, our manifests in it, and a keeper process that holds its CA for clients of ours. */
export async function identityCluster(): Promise<IdentityCluster> {
  const directory = mkdtempSync(join(tmpdir(), 'identity-'));
  const cluster = await startCluster({ name: 'identity', nodes: 0 });
  const admin = new Admin({ server: cluster.server, caFile: cluster.caFile, ...cluster.adminKeys });
  const closers: (() => unknown)[] = [() => admin.close()];
  const startKeeper = async (mode: NamingMode): Promise<Keeper> => {
    const stateDir = join(directory, mode);
    const socket = join(stateDir, 'keeper.sock');
    const { certFile, keyFile } = cluster.comptrollerCa;
    const spawned = await spawnKeeper({ socket, caCert: certFile, caKey: keyFile, stateDir, mode });
    const client = await connectKeeper(socket);
    closers.unshift(() => {
      client.close();
      return spawned.stop();
    });
    return client;
  };
  const keeper = await startKeeper('comptroller');
  await admin.applyYaml(toYaml(renderManifests(CONTROLLERS, { mode: 'comptroller', generations: new Map() })));
  await inForce(admin);
  let issued = 0;
  const clientFrom = async (from: Keeper, identity: string): Promise<Admin> => {
    const { key, csr } = await newRequest();
    const { certificate } = await from.issue({ profile: identity, csr, lifetime: 3_600_000 });
    const file = join(directory, `${identity}-${++issued}`);
    const [certFile, keyFile] = [`${file}.crt`, `${file}.key`];
    writeFileSync(certFile, certificate);
    writeFileSync(keyFile, key.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
    const client = admin.as(certFile, keyFile);
    closers.unshift(() => client.close());
    return client;
  };
  return {
    cluster,
    admin,
    keeper,
    keeperState: join(directory, 'comptroller'),
    as: (identity) => clientFrom(keeper, identity),
    upstreamKeeper: () => startKeeper('upstream'),
    clientFrom,
    async openRights() {
      await admin.apply('rbac.authorization.k8s.io/clusterrolebindings', {
        metadata: { name: 'test:everything' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'comptroller:controllers' }],
      } as object);
      await inForce(admin);
    },
    async stop() {
      for (const close of closers) await close();
      await cluster.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
