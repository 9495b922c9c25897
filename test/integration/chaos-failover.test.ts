/** Leaders that are killed and that hand over, with a bound on how long that takes. */
import { shortRun } from '../chaos/short.ts';

shortRun('chaos-failover');
