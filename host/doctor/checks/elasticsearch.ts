import { because } from '../finding.ts';
import type { Check } from '../observation.ts';

const users = because('without Elasticsearch nobody new is let through to it: 503 until it answers.');

/** Whether Elasticsearch is there, and takes our own account. */
export const checkElasticsearch: Check = ({ elastic }) => {
  if (elastic === undefined) return [];
  const { hosts, problem } = elastic;
  if (problem === undefined) {
    return [users.ok('elasticsearch.ready', `Elasticsearch takes our account (${hosts.join(', ')})`)];
  }
  const { code, host, message, hint } = problem;
  return [
    users.error(
      'elasticsearch.unready',
      `Elasticsearch at ${host} cannot be used: ${message} (${code})`,
      `# ${hint}`,
    ),
  ];
};
