import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { policyDomains } from '../../host/doctor/domains.ts';
import { isWrong } from '../../host/doctor/finding.ts';
import type { DirectoryView } from '../../host/doctor/guest-directory-view.ts';
import { layoutOf } from '../../host/doctor/layout.ts';
import { createMend } from '../../host/doctor/mend.ts';
import type { Check, Observation } from '../../host/doctor/observation.ts';
import { readTraefik } from '../../host/doctor/traefik-view.ts';
import { deriveGuestKey, verdictTag } from '../../host/secret/derive.ts';
import type { Tree } from './traefik.ts';

/** Root secret whose tag the recordings carry in place of the one they were made with. */
export const RECORDED_SECRET = Buffer.alloc(32, 7);
export const RECORDED_TAG = verdictTag(deriveGuestKey(RECORDED_SECRET));

/** What Traefik's API answered, in files of `test/cases/doctor`. */
export interface Recording {
  readonly version: Tree;
  readonly rawdata: Rawdata;
  readonly entrypoints: readonly Record<string, unknown>[];
  readonly static: Record<string, unknown> | undefined;
}

export interface Rawdata {
  readonly routers: Record<string, Record<string, unknown>>;
  readonly middlewares: Record<string, Record<string, unknown>>;
  readonly services: Record<string, unknown>;
}

export const recordingFile = (name: string): string =>
  fileURLToPath(new URL(`../cases/doctor/${name}.json`, import.meta.url));

export function readRecording(name: string): Recording {
  return JSON.parse(readFileSync(recordingFile(name), 'utf8')) as Recording;
}

const NOW = Date.UTC(2026, 0, 1);

export const GOOD_DIRECTORY: DirectoryView = {
  path: '/run/postern',
  problem: undefined,
  isDirectory: true,
  mode: 0o750,
  owner: 100,
  tmpfs: true,
  state: {
    problem: undefined,
    owner: 100,
    mode: 0o640,
    previous: false,
    page: {
      bootId: new Uint8Array(16),
      wallTime: NOW - 400,
      sequence: 1,
      notBefore: 0,
      storeContact: NOW,
      tableId: new Uint8Array(16),
      snapshotId: new Uint8Array(16),
      slotSize: 1_024,
      slotCount: 64,
      stopped: false,
      offlineGraceSeconds: 900,
    },
  },
  snapshot: { name: 'policy-00', problem: undefined, size: 100, mode: 0o640 },
  grants: { name: 'grants-00', problem: undefined, size: 65_536, mode: 0o640, expectedSize: 65_536 },
};

/** A recording as it was or changed, with a host that is well, unless `over` says otherwise. */
export function observed(
  name: 'healthy' | 'broken',
  change: (recording: Recording & { static: Record<string, unknown> | undefined }) => void = () => {},
  over: Partial<Observation> = {},
): Observation {
  const recording = readRecording(name);
  change(recording);
  const offset = { atLeast: -1_000, atMost: 1_000 };
  const traefik = readTraefik({ ...recording, clock: offset });
  const host = { heartbeat: 'ok', users: 'ok', grants: 'ok', clock: offset };
  const policy = over.policy ?? {
    access_control: { rules: [{ domain: 'app.example.com', policy: 'one_factor' }] },
  };
  return {
    traefikApi: 'http://127.0.0.1:8080',
    traefik,
    layout: layoutOf(traefik),
    hostAddress: 'http://127.0.0.1:9091',
    host,
    authHosts: new Map([['http://127.0.0.1:9091', host]]),
    directory: GOOD_DIRECTORY,
    keyFile: {
      path: '/etc/postern/traefik/guest.key',
      mode: 0o640,
      key: 'current',
      problem: undefined,
      besideSecret: false,
    },
    probe: undefined,
    tag: RECORDED_TAG,
    previousTag: undefined,
    policy,
    domains: policyDomains(policy),
    policyId: document => JSON.stringify(document),
    now: NOW,
    mend: createMend(
      {
        guestKey: deriveGuestKey(RECORDED_SECRET),
        hostAddress: 'http://127.0.0.1:9091',
        directory: '/run/postern',
        keyFile: '/etc/postern/traefik/guest.key',
        entryPoints: { web: ':80' },
        tls: false,
      },
      'postern.yml',
    ),
    ...over,
  };
}

/** Codes of what a check finds wrong. */
export const wrong = (check: Check, seen: Observation): string[] =>
  check(seen)
    .filter(isWrong)
    .map(({ code }) => code);

/** Severity and code of all that a check finds. */
export const all = (check: Check, seen: Observation): string[] =>
  check(seen).map(({ severity, code }) => `${severity} ${code}`);
