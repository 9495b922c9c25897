import type { Canvas, Colour } from './png.ts';

/** Five by seven: seven rows of five bits each, as one number in base 32 a row. */
const GLYPHS: Readonly<Record<string, string>> = {
  ' ': '0000000',
  '0': 'ehjlphe',
  '1': '4c4444e',
  '2': 'eh1248v',
  '3': 'v2421he',
  '4': '26aiv22',
  '5': 'vgu11he',
  '6': '68guhhe',
  '7': 'v124888',
  '8': 'ehhehhe',
  '9': 'ehhf12c',
  a: '00e1fhf',
  b: 'ggmphhu',
  c: '00eggge',
  d: '11djhhf',
  e: '00ehvge',
  f: '698s888',
  g: '0fhhf1e',
  h: 'ggmphhh',
  i: '40c444e',
  j: '20622ic',
  k: 'ggikoki',
  l: 'c44444e',
  m: '00qllhh',
  n: '00mphhh',
  o: '00ehhhe',
  p: '00uhugg',
  q: '00djf11',
  r: '00mpggg',
  s: '00ege1u',
  t: '88s8896',
  u: '00hhhjd',
  v: '00hhha4',
  w: '00hhlla',
  x: '00ha4ah',
  y: '00hhf1e',
  z: '00v248v',
  B: 'uhhuhhu',
  M: 'hrllhhh',
  K: 'hikokih',
  '.': '00000cc',
  "'": '4480000',
  ',': '00004c8',
  '-': '000v000',
  '/': '01248g0',
  '%': 'op248j3',
  ':': '0cc0cc0',
  '(': '2488842',
  ')': '8422248',
  '+': '044v440',
  '=': '00v0v00',
};

const ADVANCE = 6;
const HEIGHT = 7;

export const widthOf = (text: string): number => text.length * ADVANCE;

/** Writes from the upper left corner; what has no glyph is left blank. */
export function write(canvas: Canvas, text: string, left: number, top: number, colour: Colour): void {
  for (const [nth, letter] of [...text].entries()) {
    const rows = GLYPHS[letter] ?? GLYPHS[letter.toLowerCase()] ?? '';
    for (let row = 0; row < HEIGHT; row++) {
      const bits = Number.parseInt(rows[row] ?? '0', 32);
      for (let column = 0; column < 5; column++)
        if ((bits >> (4 - column)) & 1) canvas.dot(left + nth * ADVANCE + column, top + row, colour);
    }
  }
}
