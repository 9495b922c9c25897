/** The child of `kubeconfig.ts`: prints what its kubeconfig says, or what is wrong with it, as JSON. */
import { answerOf } from './kubeconfig-contents.ts';

process.stdout.write(JSON.stringify(answerOf(process.argv.slice(2))));
