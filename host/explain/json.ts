import type { Answer } from './answer.ts';
import type { RuleView } from './policy-view.ts';
import type { Question } from './report.ts';
import { failedCriteria, STATUS, whatItTakes } from './words.ts';

/** The report for programs: the decision asked for, everybody's, and every rule up to the one that matches. */
export function jsonReport(question: Question): string {
  const { policy, url, target, asked, answers } = question;
  const { decision, host, object, rules } = asked.explanation;
  const decides = decision.verdict === 'bad-request' ? 0 : decision.position;
  const report = {
    request: { url, method: target.method, ip: target.client || null, host, path: object },
    decision: decisionJson(asked),
    decisions: answers.map(decisionJson),
    rules: rules.slice(0, decides === 0 ? undefined : decides).map((match, i) => ({
      ...ruleJson(policy.rules[i]),
      matches: i + 1 === decides,
      criteria: match,
      failed: failedCriteria(match),
    })),
  };
  return `${JSON.stringify(report, undefined, 2)}\n`;
}

/** One decision: verdict, status, what is demanded and by which rule (`position` 0 is the default policy). */
export function decisionJson(answer: Answer): Record<string, unknown> {
  const { who, refused, decision, rule } = answer;
  const as =
    who.level === 0
      ? 'anonymous'
      : {
          user: who.user,
          groups: who.groups,
          level: who.level,
          ...(refused === undefined ? {} : { refused }),
        };
  return {
    as,
    verdict: decision.verdict,
    status: STATUS[decision.verdict],
    ...(decision.verdict === 'bad-request'
      ? { reason: decision.reason }
      : { policy: decision.policy, rule: ruleJson(rule) }),
    takes: whatItTakes(answer),
  };
}

function ruleJson(rule: RuleView | undefined): Record<string, unknown> | undefined {
  if (rule === undefined) return undefined;
  const { position, file, line, policy } = rule;
  return { position, file, ...(line === undefined ? {} : { line }), policy };
}
