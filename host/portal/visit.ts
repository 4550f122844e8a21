import type { CookieConfig } from '../config/schema.ts';
import type { Form } from '../http/form.ts';
import type { Reply, ReplyHeaders } from '../http/reply.ts';
import type { Request } from '../http/router.ts';
import type { LiveSession } from '../session/sessions.ts';
import type { Content, Html } from './html.ts';
import type { PageOptions } from './page.ts';
import type { OpenedReturn } from './return-address.ts';
import type { Message, Texts } from './texts/texts.ts';

/** One portal: that of a cookie domain. */
export interface Site {
  readonly cookie: CookieConfig;
  /** `https://auth.example.com`, with its port if it has one. */
  readonly origin: string;
  /** Path of its address without a slash at its end: empty, or `/authelia`. */
  readonly base: string;
}

/** A page's own part of `PageOptions`. */
export type OwnPage = Omit<PageOptions, 'texts' | 'base' | 'brand' | 'isOnTheWay'>;

/** A request to the portal, as its pages see it. What a page needs of the session is looked up before. */
export interface Visit {
  readonly request: Request;
  readonly site: Site;
  readonly texts: Texts;
  /** `clock.monotonic()` at the request's arrival, for `delayFailure`. */
  readonly began: number;
  /** Client address in canonical text, empty when the proxy does not tell it. */
  readonly client: string;
  /** `User-Agent`, as it came. */
  readonly agent: string;
  /** Who is signed in, and by which token; undefined for nobody. */
  readonly live: (LiveSession & { readonly token: string }) | undefined;
  /** Where the visitor wants to go, checked and signed; undefined for nowhere. */
  readonly returnTo: { readonly sealed: string; readonly address: OpenedReturn } | undefined;

  /** A whole page. */
  page(page: OwnPage): Reply;
  /** A page of one message. */
  message(status: number, message: Message, headers?: ReplyHeaders): Reply;
  /** Address of one of our pages, with where the visitor wants to go. @param path `/second-factor` */
  url(path: string): string;
  /** 303 to one of our pages. */
  go(path: string, headers?: ReplyHeaders): Reply;
  /**
   * A form to one of our pages. Holds its name, its token and where the visitor
   * wants to go; `name` is its id, too, and the key in `PortalRoute.post`.
   */
  form(name: string, path: string, content: Content): Html;
}

export type Show = (visit: Visit) => Reply | Promise<Reply>;
export type Act = (visit: Visit, form: Form) => Reply | Promise<Reply>;

/** A page of the portal. Origin, form, token and session are checked before anything here is called. */
export interface PortalRoute {
  /** `/` or `/second-factor`: below the portal's address. */
  readonly path: string;
  readonly get: Show;
  /** By the name of the form. */
  readonly post?: Readonly<Record<string, Act>>;
  /**
   * What to show in place of an error when a form of ours came too late: `stale`
   * its page is too old or of another browser, `cookie` the browser sent none.
   * Undefined for the error after all.
   */
  readonly outdated?: (visit: Visit, form: Form, why: 'stale' | 'cookie') => Reply | undefined;
}
