import { Command, Option } from 'commander';
import { ask, askWhy } from '../explain/answer.ts';
import { jsonReport } from '../explain/json.ts';
import { openPolicy, type PolicyView } from '../explain/policy-view.ts';
import { textReport } from '../explain/report.ts';
import { isAddress, readUrl } from '../explain/request.ts';
import { findWho, NOBODY, type Who } from '../explain/who.ts';
import { loadEngine } from '../policy/load-engine.ts';
import { groupNameProblem, userNameProblem } from '../users/names.ts';
import { engineFile } from './engine-file.ts';
import { CommandError, EXIT_PROBLEM, EXIT_USAGE, type Io, wantsColour } from './io.ts';
import { configFile, configOption, shownUrl } from './options.ts';

interface Options {
  readonly url: string;
  readonly method: string;
  readonly user?: string;
  readonly groups?: string;
  readonly level?: '0' | '1' | '2';
  readonly ip?: string;
  readonly config?: string;
  readonly all?: boolean;
  readonly json?: boolean;
  readonly exitCode?: boolean;
}

/** `postern explain`: what a request would get, and which rule says so. */
export function explainCommand(io: Io): Command {
  return new Command('explain')
    .description('say what a request would get, which rule decides, and why the rules above it do not')
    .requiredOption('--url <url>', 'what is asked for, for example https://app.example.com/path')
    .option('--method <method>', 'method of the request', 'GET')
    .option('--user <name>', 'who asks; without it nobody is signed in')
    .option('--groups <a,b>', "the user's groups (else those of the users file)")
    .addOption(
      new Option('--level <factors>', 'factors proved: only what that gets (else none, one and two)').choices(
        ['0', '1', '2'],
      ),
    )
    .option('--ip <address>', "the client's address (else unknown, which lies in no network)")
    .addOption(configOption())
    .option('--all', 'a line for every rule, also where many in a row are for other domains')
    .option('--json', 'print JSON')
    .option('--exit-code', 'end with 1 unless the request is allowed')
    .addHelpText(
      'after',
      `
The shipped engine decides, from the configuration as it stands; no secret is needed and no service.
With --user three lines tell what nobody, one factor (a password) and two factors get; the rules are
those of one factor, or of --level.

Exit codes: 0 explained, whatever was decided; with --exit-code 1 unless allowed (the line of --level,
else of one factor with --user and of nobody without); 1 also for a configuration that does not load;
2 called wrongly.

Examples:
  postern explain --url https://app.example.com/api/push --user alice
  postern explain --url https://app.example.com/ --user bob --groups ops,dev --ip 10.1.2.3
  postern explain --url https://app.example.com/ --level 0 --exit-code && echo public
  postern explain --url https://app.example.com/ --method POST --json | jq .decision.verdict`,
    )
    .action((options: Options) => explain(options, io));
}

function explain(options: Options, io: Io): void {
  const ip = options.ip ?? '';
  if (options.ip !== undefined && !isAddress(ip)) throw usage(`--ip ${ip}: must be an IP address`);
  if (options.method === '') throw usage('--method: must be a method such as GET');
  const read = readUrl(options.url, options.method, ip);
  if (!read.ok) throw usage(`--url ${shownUrl(options.url)}: ${read.message}`);
  if (options.user === undefined && options.groups !== undefined) {
    throw usage('--groups needs --user: any name will do');
  }
  if (options.user === undefined && options.level !== undefined && options.level !== '0') {
    throw usage('--level needs --user: nobody has proved nothing');
  }
  const groups = options.groups === undefined ? undefined : splitGroups(options.groups);
  const nameProblem = options.user === undefined ? undefined : userNameProblem(options.user);
  if (nameProblem !== undefined) throw usage(`--user: ${nameProblem}`);

  const policy = openPolicy(configFile(options.config, io), {
    env: io.env,
    createEngine: () => loadEngine(engineFile()),
  });
  const everybody = whoAsks(policy, options, groups);
  // A password is what most have: with a user the rules shown are those of one factor.
  const first = everybody.find(who => who.level === 1) ?? everybody[0] ?? NOBODY;
  const asked = askWhy(policy, read.target, first);
  const answers = everybody.map(who => (who === first ? asked : ask(policy, read.target, who)));
  const question = { policy, url: options.url, target: read.target, asked, answers };
  io.stdout.write(
    options.json === true
      ? jsonReport(question)
      : textReport(question, { colour: wantsColour(io.stdout, io.env), all: options.all === true }),
  );
  const { verdict } = asked.decision;
  if (options.exitCode === true && verdict !== 'allow') {
    throw new CommandError(`not allowed: ${verdict}`, EXIT_PROBLEM);
  }
}

function whoAsks(policy: PolicyView, options: Options, groups: readonly string[] | undefined): Who[] {
  if (options.user === undefined) return [NOBODY];
  const found = findWho(policy, options.user, groups, 1);
  if (!found.ok) throw new CommandError(`--user ${options.user}: ${found.message} (--groups)`);
  if (found.who.isService && options.level === '2') {
    throw usage(`--level 2: ${options.user} is a service account, whose token is one factor and never two`);
  }
  const everybody: Who[] = [NOBODY, found.who];
  if (!found.who.isService) everybody.push({ ...found.who, level: 2 });
  return options.level === undefined
    ? everybody
    : everybody.filter(who => String(who.level) === options.level);
}

function splitGroups(list: string): string[] {
  const groups = list.split(',').map(group => group.trim());
  if (groups.length === 1 && groups[0] === '') return [];
  for (const group of groups) {
    const problem = groupNameProblem(group);
    if (problem !== undefined) throw usage(`--groups: ${problem}`);
  }
  return groups;
}

function usage(message: string): CommandError {
  return new CommandError(message, EXIT_USAGE);
}
