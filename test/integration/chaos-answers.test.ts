/** Answers of the API server that say no, come late, end early, are no JSON, or never come. */
import { shortRun } from '../chaos/short.ts';

shortRun('chaos-answers');
