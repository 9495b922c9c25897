/** Disks that are full, read-only, slow, or fail. */
import { shortRun } from '../chaos/short.ts';

shortRun('chaos-disk');
