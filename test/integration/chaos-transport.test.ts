/** Whatever may lie between Comptroller and the API server, and bundles that are not what they should be. */
import { shortRun } from '../chaos/short.ts';

shortRun('chaos-transport');
