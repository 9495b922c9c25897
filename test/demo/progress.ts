/** The demo's voice: numbered steps, live lines that replace themselves on a terminal, seconds behind each. */
export interface Progress {
  step(title: string): void;
  /** A line that the next one replaces, where the output is a terminal. */
  live(text: string): void;
  done(text: string): void;
  /** Adds a row to the table at the end. */
  proven(what: string, value: string | number, holds: boolean): void;
  table(): { readonly text: string; readonly failed: number };
}

interface Row {
  readonly what: string;
  readonly value: string;
  readonly holds: boolean;
}

export function createProgress(out: NodeJS.WriteStream): Progress {
  const rows: Row[] = [];
  const started = performance.now();
  let steps = 0;
  let open = false;
  const clear = (): void => {
    if (open && out.isTTY) out.write('\r\x1b[2K');
    open = false;
  };
  const seconds = (): string => `${((performance.now() - started) / 1000).toFixed(1).padStart(6)}s`;
  return {
    step(title) {
      clear();
      steps += 1;
      out.write(`\n${steps}. ${title}\n`);
    },
    live(text) {
      if (!out.isTTY) return;
      clear();
      out.write(`   ${seconds()}  ${text}`.slice(0, out.columns - 1));
      open = true;
    },
    done(text) {
      clear();
      out.write(`   ${seconds()}  ${text}\n`);
    },
    proven(what, value, holds) {
      rows.push({ what, value: String(value), holds });
    },
    table: () => ({ text: render(rows), failed: rows.filter(({ holds }) => !holds).length }),
  };
}

function render(rows: readonly Row[]): string {
  const wide = Math.max(...rows.map(({ what }) => what.length));
  const values = Math.max(...rows.map(({ value }) => value.length));
  const line = `+-${'-'.repeat(wide)}-+-${'-'.repeat(values)}-+------+`;
  const body = rows.map(
    ({ what, value, holds }) => `| ${what.padEnd(wide)} | ${value.padStart(values)} | ${holds ? 'yes ' : 'NO  '} |`,
  );
  return [line, `| ${'proven'.padEnd(wide)} | ${'value'.padStart(values)} | ok   |`, line, ...body, line].join('\n');
}
