/** Floods of objects, and objects that are odd. */
import { shortRun } from '../chaos/short.ts';

shortRun('chaos-flood');
