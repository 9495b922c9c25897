/** Disks, files and keys that fail, and clocks that jump. */
import { shortRun } from '../chaos/short.ts';

shortRun('chaos-ledger');
