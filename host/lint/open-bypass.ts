import { type Alternative, readExpression } from './expression.ts';
import { ANY_TEXT, type Probe } from './probe.ts';
import type { LintRule } from './rules.ts';
import { isUniversal, readSimple } from './simple-expression.ts';
import { uriOf } from './uri.ts';
import { type Lint, warning } from './warning.ts';

/** Where nobody should get in without a password. */
const GUARDED = '/admin';

/** An expression of a `bypass` rule without `^` or `$`: it lets through more than it seems to. */
export const openBypass: Lint = ({ rules, probe }) =>
  rules
    .filter(({ policy }) => policy === 'bypass')
    .flatMap(rule =>
      (rule.resources ?? []).flatMap((expression, i) => {
        const message = findOpening(expression, probe) ?? findQuery(expression, probe);
        return message === undefined ? [] : [warning('lint.open-bypass', pathOf(rule, i), message)];
      }),
    );

function pathOf({ path, resources }: LintRule, index: number): string {
  return resources?.length === 1 ? `${path}.resources` : `${path}.resources[${index}]`;
}

function findOpening(expression: string, probe: Probe): string | undefined {
  const alternatives = readExpression(expression);
  if (alternatives === undefined || isClosed(expression, alternatives)) return undefined;
  // Whoever writes `.*` means everything.
  if (isUniversal(expression) || probe.resource(expression, `/${ANY_TEXT}`) !== false) return undefined;
  const better = mend(expression, alternatives, probe);
  const isSurplus = (text: string): boolean =>
    probe.resource(expression, uriOf(text)) === true &&
    (better === undefined || probe.resource(better, uriOf(text)) === false);
  const before = alternatives.flatMap(beforeStart).find(isSurplus);
  const behind = alternatives
    .filter(({ end }) => end === 'open')
    .flatMap(behindEnd)
    .find(isSurplus);
  const examples = [before, behind].flatMap(text => (text === undefined ? [] : [`\`${text}\``]));
  if (examples.length === 0) return undefined;
  const start = alternatives.every(one => one.start)
    ? 'leaves open what stands before'
    : 'does not begin with `^`';
  const why = [
    ...(before === undefined ? [] : [start]),
    ...(behind === undefined ? [] : ['has no `$` at its end']),
  ];
  const advice =
    better === undefined ? 'begin it with `^/` and end it with `([/?].*)?$`' : `write \`${better}\``;
  return `\`${expression}\` ${why.join(' and ')}, so everybody also gets ${examples.join(' and ')}: ${advice}`;
}

/** What may match a `?` somewhere before the end. Spares the engine the question. */
const MAY_MATCH_MARK = /(?<!\\)\.|\[\^|\[[^\]]*\?|\\[SDWPp]/;
const USUAL_END = /(?:\(\[?\/\??\]?\.\*\)\?|\.[*+])\$?$/;

/**
 * `^/a/.+/b$` sees path and query in one text, so it also lets through
 * `/a/admin?x=/b`, whose path it does not match (CVE-2025-54576).
 */
function findQuery(expression: string, probe: Probe): string | undefined {
  if (!MAY_MATCH_MARK.test(expression.replace(USUAL_END, ''))) return undefined;
  const matches = (text: string, by = expression): boolean => probe.resource(by, uriOf(text)) === true;
  for (const { sample } of readExpression(expression) ?? []) {
    // Where the path ends: at each place but behind a query that is asked for.
    const last = sample.includes('?') ? sample.indexOf('?') : sample.length;
    for (let at = 1; at < last; at++) {
      const path = sample.slice(0, at) + GUARDED.slice(1);
      const uri = `${path}?x=${sample.slice(at)}`;
      if (!matches(uri) || matches(path)) continue;
      const better = expression
        .replace(/(?<!\\)\.(?=[*+{?])/g, '[^?]')
        .replace(/\\([SDW])/g, (_, kind: string) => `[^\\${kind.toLowerCase()}?]`)
        .replaceAll('[^/]', '[^/?]');
      const kept = sample.slice(0, at) + ANY_TEXT + sample.slice(at);
      const isBetter = !matches(uri, better) && matches(kept) && matches(kept, better);
      const advice = isBetter ? `write \`${better}\`` : 'let no part of it match a `?`, with `[^?]*`';
      return `\`${expression}\` finds its end in a query, too, so everybody also gets \`${uri}\`: ${advice}`;
    }
  }
  return undefined;
}

/** As nearly all are that were written with care: a fixed beginning and an end. Spares the engine the question. */
function isClosed(expression: string, alternatives: readonly Alternative[]): boolean {
  const { anchored, literal } = readSimple(expression) ?? { anchored: false, literal: '' };
  return anchored && literal.length > 1 && alternatives.every(({ end }) => end !== 'open');
}

/** A guarded path with a text in or behind it that the alternative matches. */
function beforeStart({ sample, start }: Alternative): string[] {
  return [...(sample.startsWith('/') && !start ? [GUARDED + sample] : []), `${GUARDED}?x=${sample}`];
}

/** Paths that only begin as the alternative says. */
function behindEnd({ sample, start }: Alternative): string[] {
  const path = start || sample.startsWith('/') ? sample : `/${sample}`;
  return [`${path}-admin`, `${path}${GUARDED}`];
}

/** The expression with its ends closed, if the engine says that what was meant still matches. */
function mend(expression: string, alternatives: readonly Alternative[], probe: Probe): string | undefined {
  const flags = /^\(\?[imsU]+\)/.exec(expression)?.[0] ?? '';
  const better = flags + alternatives.map(closed).join('|');
  const kept = alternatives.every(({ sample }) => {
    const path = sample.startsWith('/') ? sample : `/a${sample}`;
    return probe.resource(better, uriOf(path)) === true;
  });
  return kept ? better : undefined;
}

function closed({ source, sample, start, end, loose }: Alternative): string {
  const body = source.replace(/^(\^?\/?)\.[*+]/, (_all, head: string) => `${head || '/'}[^?]*`);
  const head =
    start || body.startsWith('^') ? '' : sample.startsWith('/') || body.startsWith('/') ? '^' : '^/[^?]*';
  const tail = end !== 'open' ? '' : loose ? '$' : '([/?].*)?$';
  return head + body + tail;
}
