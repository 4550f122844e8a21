import { basicChallenge, signInReply } from '../answers.ts';
import { readOriginal } from '../forwarded.ts';
import { AUTHELIA_FORWARD_AUTH } from './authelia-forward-auth.ts';
import type { Dialect } from './dialect.ts';

/** Authelia's `AuthRequest`: nginx, which knows 2xx, 401 and 403 only. */
export const AUTHELIA_AUTH_REQUEST: Dialect = {
  ...AUTHELIA_FORWARD_AUTH,
  name: 'AuthRequest',
  deferrals: false,
  adapts: false,
  // nginx reads an answer's headers into one small buffer.
  cleansCookies: false,
  hint:
    'proxy_pass_request_body off; proxy_set_header Content-Length ""; ' +
    'proxy_set_header X-Original-Method $request_method; ' +
    'proxy_set_header X-Original-URL $scheme://$host$request_uri; ' +
    'proxy_set_header X-Forwarded-For $remote_addr;',
  readTarget: request => readOriginal(request, request.headers.one('x-original-method') || undefined),
  challenge: denial =>
    denial.signInUrl === undefined
      ? basicChallenge(denial.realm)
      : signInReply(denial, denial.signInUrl, 401),
};
