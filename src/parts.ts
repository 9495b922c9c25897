/** What `main.ts` builds and hands on: types only. */
import type { Endpoint } from '#api/connections.ts';
import type { Streams } from '#api/port.ts';
import type { ApiServer } from '#config/kubeconfig.ts';
import type { Controller } from '#core/controller.ts';
import type { GateParts } from '#gate/ports.ts';
import type { RunningIdentities } from '#identity/identities.ts';
import type { Keeper } from '#keeper/port.ts';
import type { SpawnedKeeper } from '#keeper/spawn.ts';
import type { Opened } from '#ledger/open.ts';
import type { createEvaluator } from '#policy/evaluator.ts';
import type { Blast } from './blast.ts';
import type { Randomness } from './random.ts';

/** What needs the operator's configuration and the keeper, in the order in which it was opened. */
export interface Base {
  readonly api: ApiServer;
  readonly endpoint: Endpoint;
  /** PEM that pods verify the API server by. */
  /** What is published as kube-root-ca.crt, read anew: its file may have been rotated since. Throws as the start does. */
  readonly rootCa: () => string;
  readonly keeper: Keeper;
  readonly spawned: SpawnedKeeper | undefined;
  readonly opened: Opened;
  readonly identities: RunningIdentities;
  /** `<hostname>_<uuid>`: the holder of the lease. */
  readonly identity: string;
}

export interface Pipeline extends Omit<GateParts, 'fence' | 'meter' | 'log' | 'evaluator'> {
  readonly blast: Blast;
  readonly evaluator: Awaited<ReturnType<typeof createEvaluator>>;
  readonly streams: Streams;
  readonly controllers: readonly Controller[];
  readonly random: Randomness;
}
