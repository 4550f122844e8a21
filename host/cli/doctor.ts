import { Command } from 'commander';
import { isWrong } from '../doctor/finding.ts';
import { observe } from '../doctor/observe.ts';
import { examine } from '../doctor/registry.ts';
import { jsonReport, textReport } from '../doctor/report.ts';
import { loadEngine } from '../policy/load-engine.ts';
import { viewElastic } from './elastic-view.ts';
import { engineFile } from './engine-file.ts';
import { CommandError, EXIT_PROBLEM, EXIT_USAGE, type Io, wantsColour } from './io.ts';
import { configOption, fileName, setupFor, shownUrl } from './options.ts';
import { viewPeople } from './people-view.ts';
import { reachable } from './traefik.ts';

interface Options {
  readonly config?: string;
  readonly traefikApi: string;
  readonly hostAddress?: string;
  readonly keyFile?: string;
  readonly probe?: string;
  readonly connect?: string;
  readonly json?: boolean;
}

/** `postern doctor`: looks at a running set-up and prints what is wrong and the lines that mend it. */
export function doctorCommand(io: Io): Command {
  return new Command('doctor')
    .description('look at a running set-up: what is wrong, why it matters, and the lines that mend it')
    .addOption(configOption())
    .option('--traefik-api <url>', "Traefik's API", 'http://127.0.0.1:8080')
    .option('--host-address <url>', "the host's URL as seen from here (else from server.address)")
    .option('--key-file <path>', "the guest key's file that Traefik is given, as seen from here", fileName)
    .option(
      '--probe <url>',
      'make real requests for this URL through Traefik: without and with an unknown credential',
    )
    .option('--connect <host:port>', "where to connect for --probe in place of the URL's host")
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
Run it where the host runs, as the user that the host runs as, with the host's configuration and
secret. Nothing is changed; only --probe makes requests that others see.

The lines to write hold verdict tags: no keys, but nothing to publish either.
UNSEEN is what could not be looked at from here.

Exit codes: 0 all well, 1 something is wrong, 2 called wrongly.

Examples:
  postern doctor --config /etc/postern/postern.yml
  postern doctor --key-file /etc/postern/traefik/guest.key --probe https://app.example.com/
  postern doctor --probe https://app.example.com/ --connect 127.0.0.1:443
  postern doctor --traefik-api http://127.0.0.1:8080 --json | jq '.findings[] | select(.severity == "error")'`,
    )
    .action((options: Options) => doctor(options, io));
}

async function doctor(options: Options, io: Io): Promise<void> {
  const traefikApi = checkUrl('--traefik-api', options.traefikApi);
  const probe = options.probe === undefined ? undefined : checkUrl('--probe', options.probe);
  if (probe !== undefined && /^https?:\/\/[^/?#]*@/.test(probe)) {
    throw usage(`--probe ${shownUrl(probe)}: must not hold a user name: a credential of its own is sent`);
  }
  if (options.connect !== undefined && probe === undefined) throw usage('--connect needs --probe');
  const connect = options.connect === undefined ? undefined : checkConnect(options.connect);
  const hostAddress =
    options.hostAddress === undefined
      ? undefined
      : new URL(checkUrl('--host-address', options.hostAddress)).origin;
  const { config } = setupFor(options.config, io);
  const seen = await observe({
    config,
    engine: loadEngine(engineFile()),
    traefikApi,
    hostAddress: hostAddress ?? reachable(config.server),
    keyFile: options.keyFile,
    secretFile: io.env.POSTERN_SECRET_FILE || undefined,
    probe,
    connect,
    elastic: await viewElastic(config),
    people: await viewPeople(config),
  });
  const findings = examine(seen);
  io.stdout.write(
    options.json ? jsonReport(findings) : textReport(findings, { colour: wantsColour(io.stdout, io.env) }),
  );
  const wrong = findings.filter(isWrong).length;
  if (wrong > 0) {
    throw new CommandError(`${wrong} ${wrong === 1 ? 'thing is' : 'things are'} wrong`, EXIT_PROBLEM);
  }
}

function checkUrl(option: string, value: string): string {
  if (/^https?:\/\//.test(value) && URL.canParse(value)) return value;
  throw usage(`${option} ${shownUrl(value)}: must be an http(s) URL`);
}

function checkConnect(value: string): { host: string; port: number } {
  const [, six, name, port] = /^(?:\[([0-9a-fA-F:]+)\]|([^:\s]+)):(\d{1,5})$/.exec(value) ?? [];
  const host = six ?? name;
  const number = Number(port);
  if (host !== undefined && number >= 1 && number <= 65_535) return { host, port: number };
  throw usage(`--connect ${value}: must be HOST:PORT`);
}

function usage(message: string): CommandError {
  return new CommandError(message, EXIT_USAGE);
}
