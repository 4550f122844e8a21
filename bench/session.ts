import { selfSigned } from '../test/support/certificate.ts';
import { findTraefik, TRAEFIK_VERSION, traefikBinary } from '../test/support/traefik-binary.ts';
import { CASES, COOKIE_DOMAIN, DOMAINS, sessionSetup, TITLES, targetOf } from './session/cases.ts';
import { summaryOf } from './session/report.ts';
import { signIn } from './session/sign-in.ts';
import { findGo } from './support/go.ts';
import { findLoad } from './support/load.ts';
import { ACCOUNT } from './support/native-headers.ts';
import { readOptions } from './support/options.ts';
import { BROWSER_HEADERS, RULE_COUNT } from './support/policy.ts';
import { machine, print, progress, revision, save } from './support/report.ts';
import { askOnce, measureSpeed } from './support/rounds.ts';
import { speedTable } from './support/speed-table.ts';
import { startStage } from './support/traefik-stage.ts';

/** What a session costs in the real Traefik: in the plugin, and by forwardAuth to the host. */

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
  let cookie = '';
  const stage = await startStage(go, {
    domains: [DOMAINS.session, DOMAINS.forward],
    principals: 1,
    tls: selfSigned(['localhost']),
    config: {
      storage: { local: { path: 'postern.sqlite3' } },
      session: {
        cookies: [{ domain: COOKIE_DOMAIN, authelia_url: `https://auth.${COOKIE_DOMAIN}` }],
        // Guests ask after a quarter of it: once in a long while, and not in the midst of a round.
        inactivity: '12h',
        expiration: '24h',
      },
    },
    async setup(options, host) {
      cookie = await signIn(host, ACCOUNT.username, COOKIE_DOMAIN);
      return sessionSetup(options);
    },
  });
  const load = findLoad(stage.folder);
  const traefik = await stage.startTraefik(binary, ['postern']);
  await expectRefusals(traefik.port);
  const speed = await measureSpeed({
    titles: TITLES,
    target: name => targetOf(name, traefik.port, cookie),
    traefik,
    stage,
    load,
    rounds,
    seconds,
  });
  await traefik.stop();
  await stage.stop();
  progress('');

  print(`${RULE_COUNT} rules, Traefik ${TRAEFIK_VERSION}, ${rounds} rounds\n\n`);
  print(speedTable(TITLES, speed));
  const result = summaryOf(speed.rps);
  const { session, forward } = result.ratio;
  print(`\na session is ${session} of native; forwardAuth to the host ${forward} of one that does nothing\n`);
  save({
    suite: 'session',
    date: new Date().toISOString().slice(0, 10),
    machine: before,
    versions: {
      postern: revision(),
      traefik: TRAEFIK_VERSION,
      go: go.version,
      load: load.name,
      node: process.version,
    },
    summary: result,
    rounds: { rps: speed.rps, p99_ms: speed.p99, traefik_cpu_us: speed.cpu },
    notes: [
      `${RULE_COUNT} rules; 16 connections, ${seconds} s a round; ${Object.keys(BROWSER_HEADERS).length + 1} headers a request`,
      'load, Traefik, backend and host share the machine; the host is asked by TLS, as docs/proxies.md says',
    ],
  });
  if (json) print(`${JSON.stringify(result)}\n`);
}

/** Without the session neither door opens, or nothing was measured. */
async function expectRefusals(port: number): Promise<void> {
  for (const name of CASES) {
    if (name !== 'session' && name !== 'forward') continue;
    const asked = await askOnce(targetOf(name, port, 'theme=dark')).catch((error: Error) => error);
    if (!(asked instanceof Error)) throw new Error(`${TITLES[name]}: nobody has to sign in`);
  }
}
