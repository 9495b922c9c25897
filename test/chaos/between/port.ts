/** What the proxy between Comptroller and the API server can do. Types only. */

export interface RequestSeen {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly watch: boolean;
  /** Common name of the client's certificate. */
  readonly user: string;
}

/** What happens to one request; undefined lets it pass. */
export type Mischief =
  | {
      readonly kind: 'answer';
      /** The API server does it first, and what it answers is thrown away; by default it hears nothing. */
      readonly done?: boolean;
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  /** Milliseconds before the request goes on. */
  | { readonly kind: 'delay-request'; readonly delay: number }
  /** Milliseconds before the answer's first byte. */
  | { readonly kind: 'delay-answer'; readonly delay: number }
  /** Passes, and the connection ends in order after it, as the answer says. */
  | { readonly kind: 'last' }
  /** The answer ends after so many bytes of its body, the connection with it. */
  | { readonly kind: 'truncate'; readonly after: number }
  /** So many bytes of the body are turned into something else. */
  | { readonly kind: 'garble'; readonly bytes: number }
  /** It reaches the API server; no answer ever comes back. */
  | { readonly kind: 'lose-answer' }
  /** It never reaches the API server, and no answer comes. */
  | { readonly kind: 'swallow' }
  /** The connection is reset. */
  | { readonly kind: 'reset' }
  /** The head of the answer, then silence: what a watch does that has fallen asleep. */
  | { readonly kind: 'silence' };

export interface Between {
  /** `https://127.0.0.1:<port>`, for the kubeconfig. */
  readonly server: string;
  /**
   * Bytes as they come, mutual TLS from end to end: the state it starts in. Connections whose requests were touched stay,
   * and what comes on them passes untouched from now on: watches that break twice in a row are slow to come back. Those
   * of other modes are ended.
   */
  pass(): void;
  /** Open connections stay open and nothing moves any more; new ones are accepted and nothing comes back. */
  freeze(): void;
  /** The same of the connections that are open now, as when a router has forgotten them; new ones go through. */
  strand(): void;
  /** Open connections are reset, new ones as soon as they are made. */
  refuse(): void;
  /**
   * Ends TLS here and asks the API server as its front proxy, in the name of the client's certificate: the way to
   * touch single requests. Decides for each; connections of another mode are ended.
   */
  meddle(decide: (request: RequestSeen) => Mischief | undefined): void;
  /** Ends every connection that is open, with a reset. */
  cut(): void;
  /** So far, by all modes. */
  readonly connections: number;
  close(): Promise<void>;
}
