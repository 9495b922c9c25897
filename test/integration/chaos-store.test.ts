/** A store that stops and goes back, bundles that are not what they should be. */
import { shortRun } from '../chaos/short.ts';

shortRun('chaos-store');
