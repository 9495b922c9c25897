/** Disks and files that fail. */
import { shortRun } from '../chaos/short.ts';

shortRun('chaos-ledger');
