import type { Ms } from '#core/time.ts';

export type Verdict = 'ok' | 'warn' | 'fail' | 'unknown';

/** What a check says of one thing. Nothing in it is secret: no key, no token, no content of an object of a tenant. */
export interface Finding {
  /** A stable word for programs; README.md lists them. */
  readonly check: string;
  readonly verdict: Verdict;
  readonly found: string;
  /** What to do, as a command where there is one; empty when nothing is to do. */
  readonly remedy: string;
  /** Cannot be seen from here whatever is given: does not count for the exit code. */
  readonly outside?: true;
}

/** A fact, or why it is not known, fit for a person. */
export type Known<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly why: string };

export interface ServerFact {
  /** `v1.37.1`, as the API server says it. */
  readonly gitVersion: string;
  /** Wall clock here in the middle of the request, and that of the server, which tells whole seconds. */
  readonly here: Ms;
  readonly there?: Ms;
  /** How long the request took. */
  readonly took: Ms;
}

export interface CertificateFact {
  /** Lower-case hexadecimal SHA-256 of the DER. */
  readonly fingerprint: string;
  readonly notBefore: Ms;
  readonly notAfter: Ms;
  readonly ca: boolean;
}

/** The CA of the identities, as it lies in its files. */
export interface CaFact {
  readonly certificate: CertificateFact;
  /** Whether the key is that of the certificate. */
  readonly matches: Known<boolean>;
}

export interface KeeperFact {
  /** Of the CA that the running keeper signs with. */
  readonly certificate: CertificateFact;
  /** C2SP note verifier key. */
  readonly checkpointKey: string;
}

export interface IdentityFact {
  readonly identity: string;
  readonly notAfter: Ms;
  readonly renewsAt: Ms;
  readonly generation: number | undefined;
}

/** A process that runs with this state directory; undefined when none does. */
export type ProcessFact = { readonly pid: number; readonly identities: readonly IdentityFact[] } | undefined;

/** An object as the API server holds it. Its keys are hostile. */
export interface ObjectFact {
  readonly apiVersion?: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly generation?: number;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [part: string]: unknown;
}

/** All objects of a kind that matters here, by kind. */
export type ObjectsFact = ReadonlyMap<string, Known<readonly ObjectFact[]>>;

export interface BundleFact {
  /** What lies there: loaded, verified and tested; or refused, and why. */
  readonly loaded:
    | { readonly ok: true; readonly version: number; readonly digest: string }
    | { readonly ok: false; readonly fault: string; readonly why: string; readonly version?: number };
  /** The highest version that a ledger here has seen. */
  readonly highest: Known<number>;
}

export interface LedgerFact {
  /** Undefined: there is none yet. */
  readonly log?: {
    readonly id: string;
    readonly size: number;
    /** Why its last checkpoint does not hold; undefined: signed, and the records have its root. */
    readonly wrong?: string;
    /** Whose word the signature is: the running keeper's key, or one that lies beside the logs. */
    readonly trust: 'keeper' | 'beside';
  };
  readonly freeBytes: number;
  readonly lock: 'free' | 'held' | 'abandoned';
}

export interface LeaseFact {
  readonly namespace: string;
  readonly name: string;
  readonly holder: string;
  /** Undefined where it never was renewed. */
  readonly renewed: Ms | undefined;
  readonly duration: Ms;
  /** Whose renewals these are: with an anchor that moves on, or without one. */
  readonly by: 'comptroller' | 'another' | 'unseen';
}

export interface LeasesFact {
  readonly ours: LeaseFact | undefined;
  /** Further leases of controller managers. */
  readonly others: readonly LeaseFact[];
}

export interface FileFact {
  /** `the key of the CA`. */
  readonly what: string;
  readonly path: string;
  /** `secret`: nobody else may reach it. `trusted`: nobody else may change it. */
  readonly care: 'secret' | 'trusted';
  /** Whether there has to be one. */
  readonly needed: boolean;
  /** Undefined: there is none. */
  readonly stat: Known<{ readonly mode: number; readonly uid: number; readonly directory: boolean } | undefined>;
}

/** What the configuration says, as far as checks and remedies need it. */
export interface Setting {
  readonly namingMode: 'comptroller' | 'upstream';
  readonly stateDir: string;
  readonly ledgerDir: string;
  readonly bundle: string;
  readonly keys: readonly string[];
  readonly kubeconfig: string;
  /** Undefined where the kubeconfig does not say. */
  readonly server: string | undefined;
  readonly caCertFile: string | undefined;
  /** Names of the controllers that run. */
  readonly controllers: readonly string[];
  readonly lease: { readonly enabled: boolean; readonly namespace: string; readonly name: string };
  /** Whose files these have to be, beside root's. */
  readonly owner: number;
}

/** Everything that was gathered; the checks know nothing else. */
export interface Facts {
  readonly now: Ms;
  readonly setting: Setting;
  readonly server: Known<ServerFact>;
  readonly serverCa: Known<readonly CertificateFact[]>;
  /** Fingerprints of the client CAs that the API server believes. */
  readonly clientCas: Known<ReadonlySet<string>>;
  readonly ca: Known<CaFact>;
  readonly keeper: Known<KeeperFact>;
  readonly process: Known<ProcessFact>;
  readonly generations: Known<ReadonlyMap<string, number>>;
  readonly objects: ObjectsFact;
  readonly bundle: Known<BundleFact>;
  readonly ledger: Known<LedgerFact>;
  readonly leases: Known<LeasesFact>;
  readonly files: readonly FileFact[];
}
