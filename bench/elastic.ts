import { HEADER_EMAIL, HEADER_GROUPS, HEADER_NAME, HEADER_USER } from '../assembly/contract.ts';
import { ELASTICSEARCH_VERSION } from '../test/support/elasticsearch/assemble.ts';
import {
  ELASTIC_PASSWORD,
  type Elasticsearch,
  startElasticsearchIfPossible,
} from '../test/support/elasticsearch/elasticsearch.ts';
import { freePort } from '../test/support/net.ts';
import { findTraefik, TRAEFIK_VERSION, traefikBinary } from '../test/support/traefik-binary.ts';
import { CASES, DOMAINS, elasticSetup, faultOf, shownTargetOf, TITLES, targetOf } from './elastic/cases.ts';
import { summaryOf } from './elastic/report.ts';
import { findGo } from './support/go.ts';
import { findLoad } from './support/load.ts';
import { ACCOUNT } from './support/native-headers.ts';
import { readOptions } from './support/options.ts';
import { BROWSER_HEADERS, RULE_COUNT } from './support/policy.ts';
import { machine, print, progress, revision, save } from './support/report.ts';
import { askOnce, measureSpeed } from './support/rounds.ts';
import { speedTable } from './support/speed-table.ts';
import { type Stage, startStage } from './support/traefik-stage.ts';

/**
 * What a user of Elasticsearch costs in the real Traefik: built into the guest,
 * and by two forwardAuths in turn. Users are made in a real Elasticsearch; what
 * is sent on goes to a backend that does nothing, so that only the way is measured.
 */

export async function run(args: readonly string[]): Promise<void> {
  const { rounds, seconds, json } = readOptions(args, {
    rounds: { value: 9, max: 99 },
    seconds: { value: 4, max: 60 },
  });
  const source = findTraefik();
  if (source === undefined) throw new Error('this suite needs Go, or a Traefik named by TRAEFIK_BIN');
  const go = findGo();
  const binary = await traefikBinary(source);
  const before = machine();
  const es = await startElasticsearchIfPossible();
  if (es === undefined) throw new Error('this suite needs a JDK (17 or newer), Maven and openssl');
  const dropInPort = await freePort();
  const dropInUrl = `http://127.0.0.1:${dropInPort}`;
  let authorization = '';
  const stage = await startStage(go, {
    domains: [DOMAINS.builtin, DOMAINS.chain],
    principals: 1,
    config: {
      domains: [{ domain: DOMAINS.builtin, elasticsearch: true }],
      elasticsearch: {
        hosts: [es.url],
        username: 'elastic',
        password: ELASTIC_PASSWORD,
        listen: `127.0.0.1:${dropInPort}`,
        peers: ['127.0.0.1'],
      },
      group_mappings: { myapp: ['viewer'] },
    },
    async setup(options) {
      authorization = await provisioned(dropInUrl, es);
      return elasticSetup({ ...options, dropInUrl, authorization });
    },
  });
  const load = findLoad(stage.folder);
  const traefik = await stage.startTraefik(binary, ['postern']);
  await expectHits(stage, traefik.port, authorization);
  const speed = await measureSpeed({
    titles: TITLES,
    target: name => targetOf(name, traefik.port),
    traefik,
    stage,
    load,
    rounds,
    seconds,
  });
  await expectHits(stage, traefik.port, authorization);
  await traefik.stop();
  await stage.stop();
  await es.stop();
  progress('');

  print(`${RULE_COUNT} rules, Traefik ${TRAEFIK_VERSION}, ${rounds} rounds\n\n`);
  print(speedTable(TITLES, speed));
  const result = summaryOf(speed.rps);
  save({
    suite: 'elastic',
    date: new Date().toISOString().slice(0, 10),
    machine: before,
    versions: {
      postern: revision(),
      traefik: TRAEFIK_VERSION,
      elasticsearch: ELASTICSEARCH_VERSION,
      go: go.version,
      load: load.name,
      node: process.version,
    },
    summary: result,
    rounds: { rps: speed.rps, p99_ms: speed.p99, traefik_cpu_us: speed.cpu },
    notes: [
      `${RULE_COUNT} rules; 16 connections, ${seconds} s a round; ${Object.keys(BROWSER_HEADERS).length + 2} headers a request`,
      'load, Traefik, backend and host share the machine, with an idle Elasticsearch beside them',
    ],
  });
  if (json) print(`${JSON.stringify(result)}\n`);
}

/** The `Authorization` of the account's user, made by the drop-in endpoint and taken by Elasticsearch. */
async function provisioned(dropInUrl: string, es: Elasticsearch): Promise<string> {
  const answer = await fetch(dropInUrl, {
    headers: {
      [HEADER_USER]: ACCOUNT.username,
      [HEADER_GROUPS]: ACCOUNT.groups.join(','),
      [HEADER_NAME]: ACCOUNT.displayName,
      [HEADER_EMAIL]: ACCOUNT.email,
    },
  });
  const authorization = answer.headers.get('authorization');
  if (answer.status !== 200 || authorization === null) {
    throw new Error(`the drop-in endpoint answers ${answer.status}: ${await answer.text()}`);
  }
  const { status, body } = await es.authenticate(authorization);
  if (status !== 200 || body.username !== ACCOUNT.username) {
    throw new Error(`Elasticsearch answers ${status} to the user that was made`);
  }
  return authorization;
}

/** Every way brings the backend what it should, from what is known and without a deferral. */
async function expectHits(stage: Stage, port: number, authorization: string): Promise<void> {
  for (const name of CASES) await askOnce(targetOf(name, port));
  const deferred = await stage.deferrals();
  for (const name of CASES) {
    const [shown = ''] = await askOnce(shownTargetOf(name, port));
    const fault = faultOf(name, shown, authorization);
    if (fault !== undefined) throw new Error(fault);
  }
  if ((await stage.deferrals()) > deferred) throw new Error('a hit was deferred to the host');
}
