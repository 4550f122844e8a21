import type { Logger } from '../log/logger.ts';
import { type Reply, statusReply } from './reply.ts';
import type { RequestHeaders } from './request-headers.ts';

/** A request as the routes see it. None of them reads a body. */
export interface Request {
  readonly method: string;
  readonly path: string;
  readonly headers: RequestHeaders;
  /** Address of the socket's peer, empty when the socket is gone. */
  readonly peer: string;
}

export type Handler = (request: Request) => Reply | Promise<Reply>;

export interface Route {
  readonly path: string;
  /** Decision endpoints are for proxies, everything else is not. */
  readonly decision: boolean;
  readonly handler: Handler;
}

/**
 * Finds the route of a request. A path that decides nothing and is asked with
 * a proxy's forwarding headers is 403: a proxy that was given the wrong address
 * would take its 200 for leave to pass.
 */
export function createRouter(routes: readonly Route[], log: Logger): Handler {
  const table = new Map(routes.map(route => [route.path, route]));
  const decisions = routes.filter(route => route.decision).map(route => route.path);
  return request => {
    const route = table.get(request.path);
    if (route?.decision !== true) {
      const header = request.headers.findName(isForwarding);
      if (header !== undefined) {
        log.warn(
          'refused: this path decides nothing and was asked by a proxy; forwardAuth must ask `address`',
          {
            peer: request.peer,
            path: request.path,
            key: header,
            address: decisions.join(', '),
          },
        );
        return statusReply(403);
      }
    }
    if (route === undefined) return statusReply(404);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return statusReply(405, [['Allow', 'GET, HEAD']]);
    }
    return route.handler(request);
  };
}

/** Headers by which a proxy tells of somebody else's request. */
function isForwarding(name: string): boolean {
  return (
    name.startsWith('x-forwarded-') ||
    name.startsWith('x-original-') ||
    name.startsWith('postern-') ||
    name === 'forwarded'
  );
}
