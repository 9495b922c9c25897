import { readFileSync } from 'node:fs';
import { Agent, type Dispatcher } from 'undici';

export interface Endpoint {
  /** `https://127.0.0.1:<port>` */
  readonly server: string;
  readonly caFile: string;
  /** Without them the client is anonymous. */
  readonly certFile?: string;
  readonly keyFile?: string;
}

export interface CallOptions {
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface CallAnswer {
  readonly status: number;
  /** Parsed when it is JSON, else the text. */
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/**
 * A plain client for administration, tests and the demo. It is not `src/api`: what Comptroller does is watched
 * from outside, with nothing of Comptroller's own in between.
 */
export class ApiClient {
  readonly endpoint: Endpoint;
  readonly #agent: Agent;

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
    const pair =
      endpoint.certFile === undefined || endpoint.keyFile === undefined
        ? {}
        : { cert: readFileSync(endpoint.certFile, 'utf8'), key: readFileSync(endpoint.keyFile, 'utf8') };
    this.#agent = new Agent({
      connect: { ca: readFileSync(endpoint.caFile, 'utf8'), ...pair },
      bodyTimeout: 0,
      headersTimeout: 70_000,
    });
  }

  async call(method: Dispatcher.HttpMethod, path: string, options: CallOptions = {}): Promise<CallAnswer> {
    const answer = await this.#agent.request(this.#request(method, path, options));
    const text = await answer.body.text();
    const isJson = String(answer.headers['content-type']).startsWith('application/json');
    return { status: answer.statusCode, body: isJson ? JSON.parse(text) : text, headers: answer.headers };
  }

  /** One JSON document a line, as watches answer. */
  async *lines(path: string, signal: AbortSignal, headers: CallOptions['headers'] = {}): AsyncGenerator<unknown> {
    const answer = await this.#agent.request(this.#request('GET', path, { signal, headers }));
    if (answer.statusCode !== 200) {
      const text = await answer.body.text();
      throw new Error(`watching ${path}: ${answer.statusCode} ${text.slice(0, 500)}`);
    }
    let rest = '';
    const decoder = new TextDecoder();
    for await (const chunk of answer.body) {
      const parts = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split('\n');
      rest = parts.pop() ?? '';
      for (const part of parts) if (part !== '') yield JSON.parse(part);
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  #request(method: Dispatcher.HttpMethod, path: string, options: CallOptions) {
    const { body, contentType = 'application/json', headers, signal } = options;
    return {
      origin: this.endpoint.server,
      path,
      method,
      headers: {
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': contentType }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    };
  }
}
