import { printable } from '../log/printable.ts';
import { CRITERIA, type Decision, type RuleMatch, type Target } from '../policy/engine.ts';
import type { Answer, Explained } from './answer.ts';
import { type Cell, type Colour, type Paint, painter, table } from './paint.ts';
import type { PolicyView } from './policy-view.ts';
import { nameOf } from './who.ts';
import { failedCriteria, ruleName, STATUS, whatItTakes, written } from './words.ts';

/** So many rules in a row that are for other domains are told in one line. */
const FOLD_ROWS = 8;

export interface Question {
  readonly policy: PolicyView;
  readonly url: string;
  readonly target: Target;
  /** Whose rules are shown. */
  readonly asked: Explained;
  /** Everybody that was asked for, `asked` among them. */
  readonly answers: readonly Answer[];
}

export interface ReportOptions {
  readonly colour: boolean;
  /** Every rule in a line of its own. */
  readonly all?: boolean;
}

const VERDICT_COLOURS: Readonly<Record<Decision['verdict'], Colour>> = {
  allow: 'green',
  challenge: 'yellow',
  forbid: 'red',
  'bad-request': 'red',
};

/** The decisions, then why for the one that was asked for. */
export function textReport(question: Question, options: ReportOptions): string {
  const { policy, target, asked, answers } = question;
  const paint = painter(options.colour);
  const from = target.client === '' ? 'an unknown address' : target.client;
  const lines = [paint('bold', printable(`${target.method} ${question.url} from ${from}`))];
  const { decision, host, object } = asked.explanation;
  if (decision.verdict !== 'bad-request') lines.push(printable(`Rules see host ${host}, path ${object}`));
  lines.push('', ...decisionTable(answers, paint));
  if (decision.verdict === 'bad-request') return `${lines.join('\n')}\n`;

  lines.push('', `Rules for ${printable(describe(asked))}, up to the one that matches:`);
  lines.push(...ruleTable(policy, asked, paint, options.all === true));
  lines.push(...footnotes(question));
  return `${lines.join('\n')}\n`;
}

function decisionTable(answers: readonly Answer[], paint: Paint): string[] {
  const head = ['AS', 'DECISION', 'POLICY', 'DECIDED BY', ''].map(header);
  const rows = answers.map((answer): Cell[] => {
    const { who, decision, rule } = answer;
    return [
      { text: nameOf(who) },
      {
        text: `${decision.verdict} (${STATUS[decision.verdict]})`,
        colour: VERDICT_COLOURS[decision.verdict],
      },
      { text: decision.verdict === 'bad-request' ? '-' : decision.policy },
      { text: rule === undefined ? '-' : ruleName(rule) },
      { text: whatItTakes(answer) },
    ];
  });
  return table([head, ...rows], paint);
}

function ruleTable(policy: PolicyView, answer: Explained, paint: Paint, all: boolean): string[] {
  const { explanation } = answer;
  const { decision, rules } = explanation;
  const decides = decision.verdict === 'bad-request' ? 0 : decision.position;
  const shown = decides === 0 ? rules.length : decides;
  const rows: Cell[][] = [
    ['RULE', 'AT', 'POLICY', ...CRITERIA.map(name => name.toUpperCase()), ''].map(header),
  ];
  for (let i = 0; i < shown; i++) {
    const foreign = all ? 0 : foreignRun(rules, i, shown);
    if (foreign >= FOLD_ROWS) {
      rows.push([
        { text: `${i + 1}-${i + foreign}` },
        { text: policy.rules[i]?.at ?? '' },
        { text: '…', colour: 'dim' },
        { text: 'no', colour: 'red' },
        ...CRITERIA.slice(1).map((): Cell => ({ text: '' })),
        { text: `${foreign} rules of other domains`, colour: 'dim' },
      ]);
      i += foreign - 1;
      continue;
    }
    const rule = policy.rules[i];
    const match = rules[i];
    if (rule === undefined || match === undefined) continue;
    const failed = failedCriteria(match);
    const last = i + 1 === decides;
    rows.push([
      { text: String(rule.position), colour: last ? 'bold' : undefined },
      { text: rule.at },
      { text: rule.policy },
      ...CRITERIA.map((name): Cell => criterionCell(match[name], name === 'subject' && isNobody(answer))),
      last
        ? { text: 'decides', colour: 'bold' }
        : { text: failed.map(name => `${name}: ${written(rule.written[name])}`).join('; '), colour: 'dim' },
    ]);
  }
  if (decides === 0) {
    const { at, policy: name } = policy.fallback;
    rows.push([
      { text: '-' },
      { text: at },
      { text: name },
      ...CRITERIA.map((): Cell => ({ text: '' })),
      { text: 'default_policy decides', colour: 'bold' },
    ]);
  }
  return table(rows, paint);
}

/** How many rules from `start` on fail by their domain. */
function foreignRun(rules: readonly RuleMatch[], start: number, end: number): number {
  let at = start;
  while (at < end && rules[at]?.domain === false) at++;
  return at - start;
}

function criterionCell(holds: boolean | undefined, maybe: boolean): Cell {
  if (holds === undefined) return { text: '-', colour: 'dim' };
  if (!holds) return { text: 'no', colour: 'red' };
  return maybe ? { text: 'maybe', colour: 'yellow' } : { text: 'yes', colour: 'green' };
}

function footnotes({ target, asked }: Question): string[] {
  const { rules, decision } = asked.explanation;
  const decides = decision.verdict === 'bad-request' ? 0 : decision.position;
  const seen = decides === 0 ? rules : rules.slice(0, decides);
  const onDomain = seen.filter(rule => rule.domain !== false);
  const notes: string[] = [];
  if (isNobody(asked) && onDomain.some(rule => rule.subject === true)) {
    notes.push('maybe: who has not signed in could be any of the subjects, so the rule counts.');
  }
  if (target.client === '' && onDomain.some(rule => rule.networks === false)) {
    notes.push('An unknown address lies in no network: say --ip.');
  }
  return notes.length === 0 ? [] : ['', ...notes];
}

/** Whether rules judge as nobody: also whose credential is refused. */
function isNobody({ who, refused }: Answer): boolean {
  return who.level === 0 || refused !== undefined;
}

function describe({ who, refused }: Answer): string {
  if (who.level === 0) return 'nobody';
  if (refused !== undefined) return `${who.user}, who counts as nobody (${refused})`;
  return `${who.user} (${who.groups.length === 0 ? 'no groups' : `groups ${who.groups.join(', ')}`})`;
}

function header(text: string): Cell {
  return { text, colour: 'dim' };
}
