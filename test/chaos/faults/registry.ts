import type { Fault } from '../fault.ts';
import { FAILOVER_FAULTS } from './failover.ts';
import { PROCESS_FAULTS } from './process.ts';
import { STORE_FAULTS } from './store.ts';
import { TRANSPORT_FAULTS } from './transport.ts';

/** Every fault of the harness. Static on purpose: nothing that merely lies in a folder is run. */
export const FAULTS: readonly Fault[] = [
  // One line for each group.
  ...PROCESS_FAULTS,
  ...FAILOVER_FAULTS,
];
