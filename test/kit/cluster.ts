import { afterAll, beforeAll } from 'vitest';
import { type Admin, admin } from '#kit/admin.ts';
import { startCluster } from '#local/cluster.ts';
import type { ClusterOptions, LocalCluster } from '#local/local-cluster.ts';

export interface ClusterInTest {
  readonly cluster: LocalCluster;
  readonly admin: Admin;
}

/** A control plane for the tests of a `describe` or file; what it returns is filled when the first test runs. */
export function withCluster(options: ClusterOptions = {}): ClusterInTest {
  let cluster: LocalCluster | undefined;
  let client: Admin | undefined;
  beforeAll(async () => {
    cluster = await startCluster(options);
    client = admin(cluster);
  });
  afterAll(async () => {
    await client?.close();
    await cluster?.stop();
  });
  const early = (): never => {
    throw new Error('the cluster starts in beforeAll: use it in tests and hooks only');
  };
  return {
    get cluster() {
      return cluster ?? early();
    },
    get admin() {
      return client ?? early();
    },
  };
}
