import type { Cache } from '../cache/cache.ts';
import type { Clock } from '../clock.ts';
import type { DropInSetup, ElasticSetup } from '../config/schema.ts';
import { jsonReply, type Reply } from '../http/reply.ts';
import { createRouter, type Handler, type Request, type Route } from '../http/router.ts';
import type { Logger } from '../log/logger.ts';
import type { Engine } from '../policy/engine.ts';
import type { ElasticClient } from './client.ts';
import { createReadiness } from './health.ts';
import { readIdentity } from './identity.ts';
import type { Provisioner } from './provisioner.ts';
import type { FindAccount } from './sync.ts';

export interface DropInDeps {
  readonly setup: ElasticSetup;
  readonly dropIn: DropInSetup;
  readonly provisioner: Pick<Provisioner, 'provision'>;
  readonly client: Pick<ElasticClient, 'check'> | undefined;
  readonly cache: Pick<Cache, 'status'>;
  /** Whom our own directory knows by that name, and may have disabled. */
  readonly findAccount: FindAccount;
  readonly engine: Pick<Engine, 'compileNetworks' | 'inNetworks'>;
  readonly clock: Clock;
  /** Rate-limited: clients cause its lines. */
  readonly log: Logger;
}

/**
 * elastauth's place: whoever its proxy says somebody is becomes a user of
 * Elasticsearch, and the answer carries that user's `Authorization`. It has an
 * address of its own, and only the peers that are named are believed.
 */
export function createDropIn(deps: DropInDeps): Handler {
  const { dropIn, log } = deps;
  const isPeer = memberOf(deps.engine, dropIn.peers);
  const mayReadConfig = memberOf(deps.engine, dropIn.configPeers);
  const operator = (path: string, handler: Handler): Route => ({ path, kind: 'operator', handler });
  const decide = createDecide(deps);
  const decision: Handler = request => {
    if (isPeer(request)) return decide(request);
    log.warn(
      'refused: this peer may not say who somebody is; if it is your proxy, add its address to `key`',
      {
        peer: request.peer,
        path: request.path,
        key: 'elasticsearch.peers',
      },
    );
    return refusal(403, 'Forbidden');
  };
  const config = shownConfig(deps.setup);
  return createRouter(
    [
      { path: '/', kind: 'decision', handler: decision },
      { path: '/elastauth', kind: 'decision', handler: decision },
      operator('/health', () => jsonReply(200, { status: 'OK' })),
      operator('/live', () => jsonReply(200, { status: 'OK' })),
      operator('/ready', createReadiness(deps)),
      operator('/config', request =>
        mayReadConfig(request) ? jsonReply(200, config) : refusal(403, 'Forbidden'),
      ),
    ],
    log,
  );
}

function createDecide({ dropIn, provisioner, findAccount, log }: DropInDeps): Handler {
  return async request => {
    const identity = readIdentity(request.headers, dropIn.headers);
    if (!identity.ok) {
      log.info('refused: the headers of the proxy do not say who somebody is', {
        peer: request.peer,
        status: identity.status,
        reason: identity.message,
      });
      return refusal(identity.status, identity.message);
    }
    const { principal } = identity;
    // Whom the directory has disabled is not enabled for the word of a proxy; whom it does not know, is.
    const isDisabled = () => findAccount(principal.username)?.disabled === true;
    const provisioned = isDisabled()
      ? undefined
      : await provisioner.provision(principal, 'headers', () => !isDisabled());
    if (provisioned === undefined || isDisabled()) {
      log.info('refused: the directory has the user disabled that the proxy names', {
        peer: request.peer,
        user: principal.username,
      });
      return refusal(403, 'this user is disabled');
    }
    switch (provisioned.status) {
      case 'ready': {
        const { username, groups, email } = principal;
        const reply = jsonReply(200, { message: 'Authentication successful', username, groups, email });
        return { ...reply, headers: [['Authorization', provisioned.authorization]] };
      }
      case 'bad-request':
        return refusal(400, provisioned.message);
      case 'unavailable':
        return refusal(503, 'Elasticsearch is not available', provisioned.retryAfterSeconds);
      default:
        return refusal(403, 'this user of Elasticsearch is not managed here');
    }
  };
}

/** elastauth's form of an error. */
function refusal(status: number, message: string, retryAfterSeconds?: number): Reply {
  const reply = jsonReply(status, { message, code: status });
  return retryAfterSeconds === undefined
    ? reply
    : { ...reply, headers: [['Retry-After', String(retryAfterSeconds)]] };
}

function memberOf(engine: DropInDeps['engine'], networks: readonly string[]): (request: Request) => boolean {
  const compiled = engine.compileNetworks(networks);
  if (compiled === undefined) throw new TypeError('networks that were checked cannot be compiled');
  return ({ peer }) => engine.inNetworks(compiled, peer);
}

/** What elastauth shows at `/config`, and how Elasticsearch is reached; of a secret only that it is there. */
function shownConfig({ access, dryRun, roles, groupWhitelist, dropIn }: ElasticSetup): unknown {
  const credentials = access?.credentials;
  const account =
    credentials === undefined
      ? {}
      : 'apiKey' in credentials
        ? { api_key: '***' }
        : { username: credentials.username, password: '***' };
  return {
    default_roles: roles.defaultRoles,
    group_mappings: Object.fromEntries(roles.groupMappings),
    elasticsearch: {
      hosts: access?.hosts ?? [],
      ...account,
      dry_run: dryRun,
      ...(groupWhitelist === undefined ? {} : { group_whitelist: groupWhitelist }),
      peers: dropIn?.peers ?? [],
      headers: dropIn?.headers ?? {},
    },
  };
}
