/** Who asks: as the API server, a front proxy or a client certificate says. */
export interface User {
  readonly name: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: ReadonlyMap<string, readonly string[]>;
}

export interface DoorRequest {
  readonly path: string;
  readonly query: URLSearchParams;
  /** Undefined only on open routes. */
  readonly user: User | undefined;
  /** Empty but for POST; at most 64 KiB. */
  readonly body: string;
}

export interface DoorResponse {
  readonly status: number;
  readonly contentType?: string;
  readonly body: string;
}

/** One way in. Whoever takes it was authenticated, and allowed `verb` on the non-resource URL `path`, unless it is open. */
export interface Route {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Also takes what is below `path/`. */
  readonly below?: boolean;
  readonly verb: string;
  /** Health only: kubelets and load balancers ask without credentials. */
  readonly open?: boolean;
  readonly handler: (request: DoorRequest) => Promise<DoorResponse>;
}

/** How the server listens. */
export interface ServingConfig {
  readonly bindAddress: string;
  /** 0: no server. */
  readonly port: number;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  /** OpenSSL's names; empty for the runtime's own choice. */
  readonly ciphers: readonly string[];
  readonly clientCaFile?: string;
  readonly requestheaderClientCaFile?: string;
}
