/** Disks, files and keys that fail. */
import { shortRun } from '../chaos/short.ts';

shortRun('chaos-ledger');
