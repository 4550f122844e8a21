import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { deriveGrantKeys, grantTag, userTag } from '../../host/grant/keys.ts';
import { sealRecord } from '../../host/grant/seal.ts';
import { encodeClaims } from '../../host/policy/claims.ts';
import { loadEngine } from '../../host/policy/load-engine.ts';
import { createGuestPool } from '../../host/proxy/guest-pool.ts';
import { deriveGuestKey, deriveKey, verdictTag } from '../../host/secret/derive.ts';
import { formatGuestKey } from '../../host/secret/secret.ts';
import { encodeSnapshot } from '../../host/snapshot/snapshot-file.ts';
import { encodeStatePage } from '../../host/snapshot/state-page.ts';
import { fuzzCookies } from '../../tools/fuzz-cookies.mjs';
import { fuzzGuest } from '../../tools/fuzz-guest.mjs';
import { fuzzParsers } from '../../tools/fuzz-parsers.mjs';

/** A short form of `npm run fuzz`; a finding names its seed, so that it can be run again. */
const SECONDS = 4;

const wasm = readFileSync(new URL('../../dist/plugin.wasm', import.meta.url));
const engineFile = fileURLToPath(new URL('../../dist/embed.wasm', import.meta.url));
const host = {
  createGuestPool,
  deriveGrantKeys,
  deriveGuestKey,
  deriveKey,
  encodeClaims,
  encodeSnapshot,
  encodeStatePage,
  formatGuestKey,
  grantTag,
  loadEngine,
  sealRecord,
  userTag,
  verdictTag,
};

describe('the guest under hostile input', () => {
  it('never traps, allows only what it may and remembers nothing of another request', () => {
    const findings: string[] = [];
    const seed = Date.now() & 0x7fffffff;
    const report = (line: string) => void findings.push(line);
    const result = fuzzGuest({ host, wasm, engineFile, seconds: SECONDS, seed, report });
    expect(findings.slice(0, 3)).toEqual([]);
    // Otherwise nothing was tried.
    for (const outcome of ['allow', 'defer', '400', '401', '403', '503']) {
      expect(result.outcomes[outcome], outcome).toBeGreaterThan(result.requests / 500);
    }
    expect(result.outcomes['431']).toBeGreaterThan(0);
  });
});

it('nobody gets in by a hostile cookie, and no session gets to a backend', () => {
  const findings: string[] = [];
  const seed = Date.now() & 0x7fffffff;
  const report = (line: string) => void findings.push(line);
  const result = fuzzCookies({ host, wasm, engineFile, seconds: SECONDS, seed, report });
  expect(findings.slice(0, 3)).toEqual([]);
  // Otherwise nothing was tried.
  expect(result.mutants).toBeGreaterThan(result.cookies / 3);
  for (const outcome of ['allow nobody', 'defer', '401', '403'])
    expect(result.outcomes[outcome], outcome).toBeGreaterThan(result.cookies / 100);
  expect(result.good).toBeGreaterThan(0);
  expect(result.outcomes['allow somebody']).toBeUndefined();
});

it('parsers take any bytes, and say why they refuse a policy', () => {
  const findings: string[] = [];
  const seed = Date.now() & 0x7fffffff;
  const result = fuzzParsers({
    wasm: readFileSync(engineFile),
    seconds: SECONDS,
    seed,
    report: line => findings.push(line),
  });
  expect(findings.slice(0, 3)).toEqual([]);
  expect(result.good).toBeGreaterThan(result.policies / 20);
  expect(result.loaded).toBeGreaterThan(result.images / 20);
});
