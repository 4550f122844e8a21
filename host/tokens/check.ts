import type { Problem } from '../config/problem.ts';
import { readTextFile } from '../config/read-file.ts';
import type { Directory } from '../users/directory.ts';
import type { TokenDigests } from './digests.ts';
import { type NetworkCompiler, parseTokens } from './parse-tokens.ts';
import type { TokenRegistry } from './registry.ts';

/** Everything that is wrong with a tokens file; one that is not there yet is good. */
export function checkTokensFile(file: string, engine: NetworkCompiler): readonly Problem[] {
  const text = readTextFile(file);
  if (text.ok) return parseTokens(file, text.text, engine).problems;
  return text.problem.code === 'file.missing' ? [] : [text.problem];
}

/** Tokens that cannot be told from a person: grants, rules and backends know both by the name alone. */
export function nameClashes(
  file: string,
  registry: TokenRegistry,
  directory: Pick<Directory, 'find'>,
): Problem[] {
  const names = [...registry.all()].map(account => account.principal.username);
  return names
    .filter(name => directory.find(name) !== undefined)
    .map(name => ({
      code: 'tokens.name',
      severity: 'error',
      path: `tokens.${name}`,
      message: 'a user is found by this name, too: give the service account another',
      file,
    }));
}

/** Names of tokens of which some secret was imported under a root secret that is not ours. */
export function unreadable(registry: TokenRegistry, digests: TokenDigests): string[] {
  return [...registry.all()]
    .filter(account => account.secrets.some(secret => !digests.isReadable(secret.digest)))
    .map(account => account.principal.username);
}
