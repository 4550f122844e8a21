// The policy part of embed.wasm behind two plain functions, for the vectors.
import { readFileSync } from 'node:fs';
import { instantiateSync } from '@assemblyscript/loader';
import { snapshotFile } from './snapshot-file.mjs';

/**
 * @typedef {object} PolicyEngine
 * @property {(document: object) => { code: string, severity: string, path: string, message: string }[]} compile
 *   problems of the document; without an error among them it is the policy in use
 * @property {(request: Uint8Array) => number} authorize as `vectorAuthorize` of assembly/snapshot/exports.ts
 */

const KEY = Buffer.alloc(32, 7);
const ID = Buffer.alloc(16, 9);
/** Rule by rule, by the index, and both from a snapshot read in units. */
const WAYS = [0, 1, 2, 3];
/** What `authorize` answers when these do not agree. */
export const WAYS_DIFFER = -2;

/**
 * @param {Record<string, any>} wasm exports of a module that re-exports assembly/snapshot/exports.ts, lifted by the loader
 * @returns {PolicyEngine} which judges each request in every way there is
 */
export function policyEngine(wasm) {
  // A snapshot stays in use from one call to the next.
  let kept = [];
  const lower = bytes => wasm.__newArray(wasm.Uint8Array_ID.value, bytes);
  const keep = bytes => {
    const pointer = wasm.__pin(lower(bytes));
    kept.push(pointer);
    return pointer;
  };
  let calls = 0;
  const tidy = result => {
    // The runtime collects only when told to.
    if (++calls % 256 === 0) wasm.__collect();
    return result;
  };
  return {
    compile(document) {
      for (const pointer of kept) wasm.__unpin(pointer);
      kept = [];
      const errors = wasm.policyCompile(lower(new TextEncoder().encode(JSON.stringify(document))), 0);
      const problems = JSON.parse(new TextDecoder().decode(wasm.__getUint8Array(wasm.policyProblems())));
      if (errors > 0) return tidy(problems);
      const image = wasm.__getUint8Array(wasm.policyImage());
      if (wasm.policyLoad(keep(image)) === 0) throw new Error('the image does not load');
      if (wasm.policyLoadSnapshot(keep(snapshotFile(image, KEY, ID)), keep(KEY), keep(ID)) !== 0)
        throw new Error('the snapshot does not load');
      return tidy(problems);
    },
    authorize(request) {
      const pointer = keep(request);
      const answers = WAYS.map(way => {
        if (wasm.policyJudgeBy(way) === 0) throw new Error('the policy does not open');
        const answer = wasm.vectorAuthorize(pointer);
        if (wasm.policyFault() !== 0) throw new Error('a part of the policy could not be had');
        return answer;
      });
      wasm.__unpin(kept.pop());
      return tidy(answers.every(answer => answer === answers[0]) ? answers[0] : WAYS_DIFFER);
    },
  };
}

/** The engine of the wasm file at `path`. */
export function loadPolicyEngine(path) {
  const wasm = instantiateSync(readFileSync(path)).exports;
  wasm._initialize();
  return policyEngine(wasm);
}
