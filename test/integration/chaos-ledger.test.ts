/** Files of the ledger that are torn, gone or older. */
import { shortRun } from '../chaos/short.ts';

shortRun('chaos-ledger');
