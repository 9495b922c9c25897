import { crc32, deflateSync } from 'node:zlib';

/** Red, green, blue. */
export type Colour = readonly [number, number, number];

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** A picture of whole pixels, white at first; what is drawn outside of it is not drawn. */
export class Canvas {
  readonly width: number;
  readonly height: number;
  readonly #pixels: Buffer;

  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
    this.#pixels = Buffer.alloc(width * height * 3, 0xff);
  }

  dot(x: number, y: number, [red, green, blue]: Colour): void {
    const [column, row] = [Math.round(x), Math.round(y)];
    if (column < 0 || row < 0 || column >= this.width || row >= this.height) return;
    this.#pixels.set([red, green, blue], (row * this.width + column) * 3);
  }

  line(fromX: number, fromY: number, toX: number, toY: number, colour: Colour): void {
    const steps = Math.max(1, Math.ceil(Math.abs(toX - fromX)), Math.ceil(Math.abs(toY - fromY)));
    for (let step = 0; step <= steps; step++)
      this.dot(fromX + ((toX - fromX) * step) / steps, fromY + ((toY - fromY) * step) / steps, colour);
  }

  /** PNG (RFC 2083): eight bits a channel, no filter, no interlace. */
  encode(): Buffer {
    const header = Buffer.alloc(13);
    header.writeUInt32BE(this.width, 0);
    header.writeUInt32BE(this.height, 4);
    header.set([8, 2, 0, 0, 0], 8);
    const row = this.width * 3;
    const lines = Array.from({ length: this.height }, (_, y) =>
      Buffer.concat([Buffer.from([0]), this.#pixels.subarray(y * row, (y + 1) * row)]),
    );
    const parts = [chunk('IHDR', header), chunk('IDAT', deflateSync(Buffer.concat(lines))), chunk('IEND')];
    return Buffer.concat([SIGNATURE, ...parts]);
  }
}

function chunk(type: string, data: Buffer = Buffer.alloc(0)): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'ascii'), data]);
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  sum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, sum]);
}
