import type { Logger } from '../log/logger.ts';
import type { Form, FormProblem } from './form.ts';
import { type Reply, statusReply } from './reply.ts';
import type { RequestHeaders } from './request-headers.ts';

/** A request as the routes see it. Only the portal's read a body. */
export interface Request {
  readonly method: string;
  readonly path: string;
  /** Behind the first `?`, as received; empty without one. */
  readonly query: string;
  readonly headers: RequestHeaders;
  /** Address of the socket's peer, empty when the socket is gone; a Unix socket is loopback. */
  readonly peer: string;
  /** Whether the connection is TLS. */
  readonly secure: boolean;
  /** Asked by HTTP/1.0, as nginx asks unless it is told otherwise. */
  readonly isHttp10?: boolean;
  /** The form in the body, to be asked for once; undefined unless the method is POST. */
  readonly form?: () => Promise<Form | FormProblem>;
}

export type Handler = (request: Request) => Reply | Promise<Reply>;

/**
 * What a path is for. A proxy takes 2xx for leave to pass, so only `decision`
 * paths answer whatever a proxy asks. `portal` paths are for people, through
 * the portal's own address; `redirect` paths, too, through an application's, and
 * never answer 2xx; `operator` paths are for nobody behind a proxy.
 */
export type RouteKind = 'decision' | 'portal' | 'redirect' | 'operator';

export interface Route {
  readonly path: string;
  readonly kind: RouteKind;
  /** Serves every path that begins with `path`. */
  readonly below?: boolean;
  /** Default: GET and HEAD only. */
  readonly anyMethod?: boolean;
  readonly handler: Handler;
}

export interface RouterOptions {
  /** Below which everything is served as well, `/authelia` for instance; empty for nowhere else. */
  readonly prefix?: string;
  /** Whether this request came to the portal's own address, through a proxy that may say so. */
  readonly isPortal?: (request: Request) => boolean;
  /** Whether its `Host` is that of an application behind a proxy, which then told nothing else. */
  readonly isApplication?: (request: Request) => boolean;
}

/**
 * Finds the route of a request. A path that decides nothing and is asked with
 * a proxy's forwarding headers is 403: a proxy that was given the wrong address
 * would take its 200 for leave to pass.
 */
export function createRouter(routes: readonly Route[], log: Logger, options: RouterOptions = {}): Handler {
  const { prefix = '', isPortal = () => false, isApplication = () => false } = options;
  const table = new Map(routes.filter(route => !route.below).map(route => [route.path, route]));
  const below = routes.filter(route => route.below);
  const decisions = [...new Set(routes.filter(route => route.kind === 'decision').map(({ path }) => path))];

  return received => {
    const path = withoutPrefix(received.path, prefix);
    const request = path === received.path ? received : { ...received, path };
    const route = table.get(path) ?? below.find(candidate => path.startsWith(candidate.path));
    if (route?.kind !== 'decision') {
      const header = sign(request, route);
      if (header !== undefined && !mayAnswer(request, route)) {
        log.warn(
          'refused: this path decides nothing and was asked by a proxy; forwardAuth must ask `address`',
          { peer: request.peer, path: received.path, key: header, address: advice(path) },
        );
        return statusReply(403);
      }
    }
    if (route === undefined) return statusReply(404);
    if (route.anyMethod !== true && request.method !== 'GET' && request.method !== 'HEAD') {
      return statusReply(405, [['Allow', 'GET, HEAD']]);
    }
    return route.handler(request);
  };

  /** What may have been meant: the addresses of the same service, else the first that there are. */
  function advice(path: string): string {
    const [, service = ''] = path.split('/', 2);
    const near = decisions.filter(decision => decision.startsWith(`/${service}/`));
    const shown = near.length > 0 ? near : decisions.slice(0, ADVISED);
    return shown.map(decision => prefix + decision).join(', ');
  }

  /** The header that shows that a proxy asks; undefined when none does. */
  function sign(request: Request, route: Route | undefined): string | undefined {
    const header = request.headers.findName(isForwarding);
    if (header !== undefined || route === undefined) return header;
    // HAProxy's checks come by HTTP/1.0, too, but name no host.
    const isUntold = request.isHttp10 === true && request.headers.one('host') !== undefined;
    if (route.kind === 'operator' && isUntold) return 'HTTP/1.0';
    return isApplication(request) ? 'host' : undefined;
  }

  function mayAnswer(request: Request, route: Route | undefined): boolean {
    if (request.headers.findName(name => /^postern[^a-z0-9]/.test(name)) !== undefined) return false;
    if (route?.kind === 'operator') return false;
    // A redirection is no leave to pass, whoever asks.
    return route?.kind === 'redirect' || isPortal(request);
  }
}

/** Authelia's, unless others are configured. */
const ADVISED = 5;

function withoutPrefix(path: string, prefix: string): string {
  return prefix !== '' && path.startsWith(prefix) && path[prefix.length] === '/'
    ? path.slice(prefix.length)
    : path;
}

/** Headers by which a proxy tells of somebody else's request, in any spelling that it may have passed on. */
function isForwarding(received: string): boolean {
  const name = received.replace(/[^a-z0-9]/g, '-');
  return FORWARDING.has(name) || FORWARDING_PREFIXES.some(prefix => name.startsWith(prefix));
}

const FORWARDING_PREFIXES = [
  'x-forwarded-',
  'x-original-',
  'x-auth-request-',
  'x-authelia-',
  'x-envoy-',
  'postern-',
];
const FORWARDING = new Set([
  'forwarded',
  'x-forwarded',
  'x-real-ip',
  'x-rewrite-url',
  'x-scheme',
  'x-url-scheme',
]);
