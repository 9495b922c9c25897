/** Processes that are killed and frozen, clocks that jump, a store that stops and goes back. */
import { shortRun } from '../chaos/short.ts';

shortRun('chaos-process');
