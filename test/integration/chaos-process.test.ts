/** Processes that are killed and frozen. */
import { shortRun } from '../chaos/short.ts';

shortRun('chaos-process');
