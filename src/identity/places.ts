import { join } from 'node:path';

/** Where `run`, the keeper and the commands beside them meet. All below one directory, 0700. */
export const DEFAULT_STATE_DIR = '/var/lib/comptroller';

export interface Places {
  /** The keeper's own: checkpoint key, signed origins, generations. */
  readonly keeper: string;
  readonly keeperSocket: string;
  /** Identities of the running process: users, serials and ends; never a key. */
  readonly status: string;
  /** Its appearance asks the running process to renew. */
  readonly renewRequest: string;
}

export function placesIn(stateDir: string): Places {
  return {
    keeper: join(stateDir, 'keeper'),
    keeperSocket: join(stateDir, 'keeper', 'keeper.sock'),
    status: join(stateDir, 'identities.json'),
    renewRequest: join(stateDir, 'renew.request'),
  };
}
