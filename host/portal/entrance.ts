import { type Reply, statusReply } from '../http/reply.ts';
import type { Request } from '../http/router.ts';
import type { Logger } from '../log/logger.ts';
import { messagePage } from './messages.ts';
import { page } from './page.ts';
import { chooseTexts } from './texts/choose.ts';
import type { Site } from './visit.ts';

export interface EntranceDeps {
  /** Whether a proxy that may say so tells that the portal is asked for. */
  readonly isPortal: (request: Request) => boolean;
  readonly log: Logger;
}

const HTTPS = /^https(?:\s*,\s*https)*$/i;

/** The answer to a request of which we cannot be sure that it is a person's, at the portal's own address. */
export function unknownProxy(request: Request, { isPortal, log }: EntranceDeps): Reply | undefined {
  const { peer, path, secure } = request;
  if (secure || isPortal(request)) return undefined;
  log.warn(
    'refused: the proxy in front of the portal must be in `trusted_proxies` and send `Host` and `X-Forwarded-Host`, both with the address that people see',
    { peer, path, key: 'trusted_proxies' },
  );
  return statusReply(403);
}

/** The page for who came without TLS, which has nothing but the stylesheet. */
export function plainHttp(
  { headers, peer, path }: Request,
  site: Site,
  { log }: Pick<EntranceDeps, 'log'>,
): Reply | undefined {
  const scheme = headers.one('x-forwarded-proto');
  // Several proxies may each have said theirs.
  if (scheme === undefined || (typeof scheme === 'string' && HTTPS.test(scheme))) return undefined;
  log.warn(
    'refused: the portal is asked for by plain http; `X-Forwarded-Proto` must be https, as people see the address',
    { peer, path, scheme: String(scheme), key: 'x-forwarded-proto' },
  );
  const texts = chooseTexts(headers);
  const message = messagePage(texts.error.insecure, 400, texts, `${site.origin}${site.base}/`);
  return page({ ...message, texts, base: site.base, brand: site.cookie.domain });
}
