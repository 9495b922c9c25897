import type { Fault } from '../fault.ts';
import { ANSWER_FAULTS } from './answers.ts';
import { CLOCK_FAULTS } from './clock.ts';
import { FAILOVER_FAULTS } from './failover.ts';
import { FLOOD_FAULTS } from './flood.ts';
import { IDENTITY_FAULTS } from './identity.ts';
import { LEDGER_FAULTS } from './ledger.ts';
import { POLICY_FAULTS } from './policy.ts';
import { PROCESS_FAULTS } from './process.ts';
import { STORE_FAULTS } from './store.ts';
import { TENANT_FAULTS } from './tenant.ts';
import { TRANSPORT_FAULTS } from './transport.ts';

/** Every fault of the harness. Static on purpose: nothing that merely lies in a folder is run. */
export const FAULTS: readonly Fault[] = [
  // One line for each group.
  ...PROCESS_FAULTS,
  ...FAILOVER_FAULTS,
  ...TENANT_FAULTS,
  ...FLOOD_FAULTS,
  ...LEDGER_FAULTS,
  ...CLOCK_FAULTS,
  ...IDENTITY_FAULTS,
  ...POLICY_FAULTS,
  ...STORE_FAULTS,
  ...TRANSPORT_FAULTS,
  ...ANSWER_FAULTS,
];
