import type { PolicyDocument } from '../policy/engine.ts';
import type { Finding } from './finding.ts';
import type { DirectoryView } from './guest-directory-view.ts';
import type { HostView } from './host-view.ts';
import type { KeyFileView } from './key-file-view.ts';
import type { Layout } from './layout.ts';
import type { Mend } from './mend.ts';
import type { ProbeView } from './probe-view.ts';
import type { TraefikView } from './traefik-view.ts';

/** What was asked for and did not come. */
export interface Failed {
  readonly failed: string;
}

/** What Elasticsearch said to our own account; without credentials. */
export interface ElasticView {
  readonly hosts: readonly string[];
  /** Undefined when it takes the account. */
  readonly problem:
    | { readonly code: string; readonly host: string; readonly message: string; readonly hint: string }
    | undefined;
}

/** What people sign in by, as configured and as it answers. */
export interface PeopleView {
  /** Addresses where people sign in at this host. */
  readonly portals: readonly string[];
  /** Domains with a sign-in address, and no database that sessions could be in. */
  readonly withoutStorage: readonly string[];
  /** Undefined without one; `problem` when it does not answer. */
  readonly database:
    | { readonly kind: 'sqlite' | 'postgres'; readonly problem?: string | undefined }
    | undefined;
  /** Whether people can register a second factor. */
  readonly hasSecondFactor: boolean;
  /** Undefined without one; `problem` when no message can be sent. */
  readonly notifier:
    | {
        readonly kind: 'filesystem' | 'smtp';
        readonly problem?: { readonly message: string; readonly hint: string | undefined } | undefined;
      }
    | undefined;
  /** Undefined when nobody is banned for failed attempts; else what brings a ban, in words. */
  readonly regulation: string | undefined;
}

/** Everything that was looked at, before any of it is judged. */
export interface Observation {
  readonly traefikApi: string;
  readonly traefik: TraefikView | Failed;
  /** Undefined when Traefik's API did not answer. */
  readonly layout: Layout | undefined;
  /** The host's address by its own configuration. */
  readonly hostAddress: string;
  readonly host: HostView | Failed;
  /** What answers at the addresses that forwardAuth middlewares name. */
  readonly authHosts: ReadonlyMap<string, HostView | Failed>;
  readonly directory: DirectoryView;
  /** Undefined when no key file is named. */
  readonly keyFile: KeyFileView | undefined;
  /** Undefined when none was asked for. */
  readonly probe: ProbeView | Failed | undefined;
  /** Undefined when none is configured. */
  readonly elastic?: ElasticView | undefined;
  /** Undefined where nobody signs in. */
  readonly people?: PeopleView | undefined;
  /** Verdict tags: of the guest key and, while it is set, of the previous one. */
  readonly tag: string;
  readonly previousTag: string | undefined;
  readonly policy: PolicyDocument;
  readonly domains: readonly string[];
  /** Id of a compiled policy, in hexadecimal; undefined when it does not compile. */
  readonly policyId: (document: PolicyDocument) => string | undefined;
  /** Our clock, milliseconds since 1970, when the state page was read. */
  readonly now: number;
  readonly mend: Mend;
}

/** Looks at one thing. Pure: everything it may know is in the observation. */
export type Check = (seen: Observation) => Finding[];

export const hasFailed = (value: object): value is Failed => 'failed' in value;
