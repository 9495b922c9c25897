/** A connection that goes through, byte by byte, and what can happen to it. */
import { connect, type Socket } from 'node:net';

export interface Tunnel {
  /** By which the far side knows it; undefined until it is connected. */
  readonly port: number | undefined;
  /** Both ends stay open, and nothing moves in it any more. */
  freeze(): void;
  /** Ends both sides with a reset. */
  reset(): void;
}

/** Half-open on both sides, so that the end of one direction is the end of that direction only. */
export function tunnel(near: Socket, port: number, onClose: () => void): Tunnel {
  const far = connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true });
  let frozen = false;
  let open = true;
  const reset = (): void => {
    if (!open) return;
    open = false;
    near.resetAndDestroy();
    far.resetAndDestroy();
    onClose();
  };
  const closed = (): void => {
    // Who freezes sees nothing of the other side either, its end neither.
    if (!frozen && near.destroyed && far.destroyed) reset();
  };
  for (const socket of [near, far]) {
    socket.on('error', () => !frozen && reset());
    socket.on('close', closed);
  }
  near.setNoDelay(true);
  near.pipe(far);
  far.pipe(near);
  return {
    get port() {
      return far.localPort;
    },
    freeze() {
      frozen = true;
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        from.unpipe(to);
        from.pause();
      }
    },
    reset,
  };
}

/** A connection that was accepted, and to which nothing ever comes back. */
export function deadEnd(near: Socket, onClose: () => void): Tunnel {
  near.pause();
  near.on('error', () => {});
  return {
    port: undefined,
    freeze() {},
    reset() {
      near.resetAndDestroy();
      onClose();
    },
  };
}
