/** Clocks that jump, and certificates that are at their end. */
import { shortRun } from '../chaos/short.ts';

shortRun('chaos-clock');
