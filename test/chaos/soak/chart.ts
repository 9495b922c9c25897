import { widthOf, write } from './glyphs.ts';
import { Canvas, type Colour } from './png.ts';
import type { Point } from './series.ts';

export interface Line {
  readonly name: string;
  readonly points: readonly Point[];
}

/** Lines of one unit over the same time. */
export interface Panel {
  readonly title: string;
  readonly unit: string;
  readonly lines: readonly Line[];
}

const INK: Colour = [40, 40, 40];
const GRID: Colour = [222, 222, 222];
const COLOURS: readonly Colour[] = [
  [31, 119, 180],
  [214, 91, 20],
  [44, 140, 44],
  [148, 60, 160],
];

const WIDTH = 960;
const PANEL = 190;
const MARGIN = { left: 70, right: 20, top: 34, bottom: 26 } as const;
const ROWS = 4;
const MINUTE = 60_000;

/** All panels below each other, as a PNG. Values begin at zero, so that a slope looks as large as it is. */
export function chart(panels: readonly Panel[]): Buffer {
  const canvas = new Canvas(WIDTH, PANEL * panels.length);
  const end = Math.max(MINUTE, ...panels.flatMap(({ lines }) => lines.map(({ points }) => points.at(-1)?.at ?? 0)));
  for (const [nth, panel] of panels.entries()) drawPanel(canvas, panel, nth * PANEL, end);
  return canvas.encode();
}

function drawPanel(canvas: Canvas, { title, unit, lines }: Panel, top: number, end: number): void {
  const most = roundUp(Math.max(0, ...lines.flatMap(({ points }) => points.map(({ value }) => value))));
  const x = (at: number): number => MARGIN.left + (at / end) * (WIDTH - MARGIN.left - MARGIN.right);
  const y = (value: number): number =>
    top + PANEL - MARGIN.bottom - (value / most) * (PANEL - MARGIN.top - MARGIN.bottom);
  for (let row = 0; row <= ROWS; row++) {
    const value = (most * row) / ROWS;
    canvas.line(x(0), y(value), x(end), y(value), GRID);
    const label = short(value);
    write(canvas, label, MARGIN.left - widthOf(label) - 4, y(value) - 3, INK);
  }
  const step = Math.max(MINUTE, roundUp(end / MINUTE / 8) * MINUTE);
  for (let at = 0; at <= end; at += step) {
    const label = `${short(at / MINUTE)}${at === 0 ? ' min' : ''}`;
    write(canvas, label, Math.min(x(at), WIDTH - widthOf(label) - 2), y(0) + 8, INK);
  }
  write(canvas, `${title} (${unit})`, MARGIN.left, top + 8, INK);
  drawLines(canvas, lines, x, y, top);
}

function drawLines(
  canvas: Canvas,
  lines: readonly Line[],
  x: (at: number) => number,
  y: (value: number) => number,
  top: number,
): void {
  let left = MARGIN.left + 260;
  for (const [nth, { name, points }] of lines.entries()) {
    const colour = COLOURS[nth % COLOURS.length] as Colour;
    canvas.line(left, top + 11, left + 14, top + 11, colour);
    write(canvas, name, left + 18, top + 8, INK);
    left += 18 + widthOf(name) + 24;
    for (const [at, point] of points.entries()) {
      const before = points[at - 1] ?? point;
      for (const thick of [0, 1])
        canvas.line(x(before.at), y(before.value) + thick, x(point.at), y(point.value) + thick, colour);
    }
  }
}

/** The next of 1, 2, 4, 5, 8 and 10 times a power of ten. */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1e-9)));
  return power * ([1, 2, 4, 5, 8].find((step) => step * power >= value) ?? 10);
}

const short = (value: number): string => String(Number(value.toPrecision(3)));
