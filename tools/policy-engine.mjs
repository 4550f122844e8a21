// The policy part of embed.wasm behind two plain functions, for the vectors.
import { readFileSync } from 'node:fs';
import { instantiateSync } from '@assemblyscript/loader';

/**
 * @typedef {object} PolicyEngine
 * @property {(document: object) => { code: string, severity: string, path: string, message: string }[]} compile
 *   problems of the document; without an error among them it is the policy in use
 * @property {(request: Uint8Array) => number} authorize as `vectorAuthorize` of assembly/snapshot/exports.ts
 */

/**
 * @param {Record<string, any>} wasm exports of a module that re-exports assembly/snapshot/exports.ts, lifted by the loader
 * @returns {PolicyEngine}
 */
export function policyEngine(wasm) {
  const lower = bytes => wasm.__newArray(wasm.Uint8Array_ID.value, bytes);
  let calls = 0;
  const tidy = result => {
    // The runtime collects only when told to.
    if (++calls % 256 === 0) wasm.__collect();
    return result;
  };
  return {
    compile(document) {
      const errors = wasm.policyCompile(lower(new TextEncoder().encode(JSON.stringify(document))), 0);
      const problems = JSON.parse(new TextDecoder().decode(wasm.__getUint8Array(wasm.policyProblems())));
      if (errors === 0 && wasm.policyLoad(wasm.policyImage()) === 0)
        throw new Error('the image does not load');
      return tidy(problems);
    },
    authorize: request => tidy(wasm.vectorAuthorize(lower(request))),
  };
}

/** The engine of the wasm file at `path`. */
export function loadPolicyEngine(path) {
  const wasm = instantiateSync(readFileSync(path)).exports;
  wasm._initialize();
  return policyEngine(wasm);
}
