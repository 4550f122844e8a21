// The regular expression engine of embed.wasm behind three plain functions, for
// the corpus tool, the fuzzer, the benchmarks and the tests.
import { readFileSync } from 'node:fs';
import { instantiateSync } from '@assemblyscript/loader';

/**
 * @typedef {object} RegexpEngine
 * @property {(pattern: Uint8Array) => { error: string, part: Uint8Array } | null} compile null when valid
 * @property {(text: Uint8Array) => boolean} isMatch with the pattern compiled last
 * @property {(text: Uint8Array) => number[] | null} find [userStart, userEnd, groupStart, groupEnd] or null
 * @property {() => number} groups bits: 1 User, 2 Group
 * @property {(on: boolean) => void} automata off: patterns compiled from now on are simulated
 * @property {(on: boolean) => void} asGuest compile without Unicode tables and in the guest's scratch space
 * @property {() => Uint8Array} program the compiled program
 * @property {(bytes: Uint8Array) => void} load puts other bytes in the program's place
 * @property {(text: Uint8Array, times: number) => number} repeat matches `times` times, answers how often it did
 */

/**
 * @param {Record<string, any>} wasm exports of a module that re-exports assembly/regexp/exports.ts, lifted by the loader
 * @returns {RegexpEngine}
 */
export function regexpEngine(wasm) {
  const { value: id } = wasm.Uint8Array_ID ?? wasm.BYTES_ID;
  const lower = bytes => wasm.__newArray(id, bytes);
  const lift = pointer => wasm.__getUint8Array(pointer).slice();
  let calls = 0;
  const tidy = result => {
    // The runtime collects only when told to.
    if (++calls % 256 === 0) wasm.__collect();
    return result;
  };
  return {
    compile(pattern) {
      const code = wasm.regexpCompile(lower(pattern));
      if (code === 0) return tidy(null);
      const error = new TextDecoder().decode(lift(wasm.regexpError()));
      return tidy({ error, part: lift(wasm.regexpErrorPart()) });
    },
    isMatch: text => tidy(wasm.regexpIsMatch(lower(text)) !== 0),
    find(text) {
      const found = wasm.__getInt32Array(wasm.regexpFind(lower(text)));
      return tidy(found.length === 0 ? null : [...found]);
    },
    automata: on => wasm.regexpAutomata(on ? 1 : 0),
    asGuest: on => wasm.regexpAsGuest(on ? 1 : 0),
    groups: () => wasm.regexpGroups(),
    program: () => tidy(lift(wasm.regexpProgram())),
    load: bytes => tidy(wasm.regexpLoad(lower(bytes))),
    repeat(text, times) {
      wasm.regexpText(lower(text));
      return tidy(wasm.regexpRepeat(times));
    },
  };
}

/** The engine of the wasm file at `path`. */
export function loadRegexpEngine(path) {
  const wasm = instantiateSync(readFileSync(path)).exports;
  wasm._initialize();
  return regexpEngine(wasm);
}
