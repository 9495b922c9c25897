/** Judges two inputs and prints the verdicts: run by the test with the flags of the real process. */
import { start } from './support.ts';

const [bundle = '', key = '', ...inputs] = process.argv.slice(2);
const { evaluator, notes } = await start(bundle, { keys: [JSON.parse(key)] });
const decisions = await evaluator.decide(inputs.map((text) => JSON.parse(text)));
console.log(JSON.stringify({ verdicts: decisions.map(({ kind }) => kind), notes }));
await evaluator.close();
