import type { Fault } from '../fault.ts';
import { PROCESS_FAULTS } from './process.ts';

/** Every fault of the harness. Static on purpose: nothing that merely lies in a folder is run. */
export const FAULTS: readonly Fault[] = [
  // One line for each group.
  ...PROCESS_FAULTS,
];
