import { play } from './run.ts';

try {
  const t = await play(JSON.parse(process.argv[2] ?? '{}'), true);
  console.log(t.lines.join('\n'));
} catch (e) {
  console.log(String((e as Error).stack));
}
