import { ZxcvbnFactory } from '@zxcvbn-ts/core';
import * as common from '@zxcvbn-ts/language-common';
import * as english from '@zxcvbn-ts/language-en';

/** A password that is weak until here is a weak one; the estimate's time grows faster than the length. */
const MAX_LENGTH = 64;

let estimator: ZxcvbnFactory | undefined;

/**
 * How hard a password is to guess, from 0 to 4, by zxcvbn. Its dictionaries take
 * half a second and some megabytes, so this file is loaded when it is needed.
 */
export function scoreOf(password: string, words: readonly string[]): number {
  estimator ??= new ZxcvbnFactory({
    dictionary: { ...common.dictionary, ...english.dictionary },
    graphs: common.adjacencyGraphs,
  });
  return estimator.check(password.slice(0, MAX_LENGTH), [...words]).score;
}
