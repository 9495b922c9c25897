import { createServer, type Server, type Socket } from 'node:net';
import { type AnswerMessage, isRequest, lineCutter, MAX_CONNECTIONS, type RequestMessage } from '../wire.ts';

/** Answers one request; throws an Error whose message is fit for the asker. */
export type Handler = (request: RequestMessage) => Promise<unknown>;

/** Serves the socket. A peer that sends what is not a request is answered once and cut off. */
export function serve(handler: Handler): { server: Server; closeAll: () => void } {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => socket.destroy());
    attach(socket, handler);
  });
  server.maxConnections = MAX_CONNECTIONS;
  return {
    server,
    closeAll: () => {
      for (const socket of open) socket.destroy();
    },
  };
}

/** Requests of one connection are answered one after another; reading pauses while one is worked on. */
function attach(socket: Socket, handler: Handler): void {
  const cut = lineCutter();
  let work = Promise.resolve();
  socket.on('data', (chunk: Buffer) => {
    const lines = cut(chunk);
    if (lines === undefined) return refuse(socket, 'reading a request: the line is over its cap');
    if (lines.length === 0) return;
    socket.pause();
    work = work.then(async () => {
      for (const line of lines) {
        if (socket.destroyed) return;
        await answer(socket, line, handler);
      }
      socket.resume();
    });
  });
}

async function answer(socket: Socket, line: string, handler: Handler): Promise<void> {
  const request = parse(line);
  if (request === undefined)
    return refuse(socket, 'reading a request: it must be issue, sign-checkpoint or about with their fields');
  let message: AnswerMessage;
  try {
    message = { id: request.id, ok: true, value: await handler(request) };
  } catch (error) {
    message = { id: request.id, ok: false, error: error instanceof Error ? error.message.slice(0, 1024) : 'failing' };
  }
  socket.write(`${JSON.stringify(message)}\n`);
}

function refuse(socket: Socket, error: string): void {
  socket.end(`${JSON.stringify({ id: 0, ok: false, error } satisfies AnswerMessage)}\n`);
  socket.pause();
}

function parse(line: string): RequestMessage | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isRequest(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
