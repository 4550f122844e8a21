import { copy } from '../bytes/bytes';
import { literal } from '../bytes/literal';
import { ByteWriter } from '../bytes/writer';
import {
  AUTHORIZATION_BASIC,
  AUTHORIZATION_MALFORMED,
  AUTHORIZATION_NONE,
  AUTHORIZATION_SESSION,
  AUTHORIZATION_TOKEN,
  AUTHORIZATION_TOO_LARGE,
  DENIAL_ADAPTIVE,
  DENIAL_AUTHELIA,
  HEADER_REQUEST,
  HEADER_VERDICT,
  KIND_BASIC,
  KIND_SESSION,
  KIND_TOKEN,
  LEVEL_NONE,
  POLICY_BYPASS,
  REQUEST_CLIENT_UNRESOLVED,
  STATE_TABLE_ID,
  VERDICT_ALLOW,
  VERDICT_ALLOW_PREFIX,
  VERDICT_CHALLENGE,
  VERDICT_DEFER_PREFIX,
  VERDICT_FORBID,
  VERDICT_TAG_LENGTH,
} from '../contract';
import { Claims } from '../grant/claims';
import { GuestKeys } from '../grant/guest-keys';
import { RecentGrants } from '../grant/recent';
import { credentialTag, TAG_LENGTH } from '../grant/seal';
import { GrantTable } from '../grant/table';
import { enabledScheme } from '../http/authorization';
import { foldName } from '../http/fold-name';
import { formatIp, MAX_IP_TEXT } from '../net/ip';
import { hasTwoReadings } from '../policy/ambiguity';
import { admission, authorize, hasSubjects, stricterWithoutParameters } from '../policy/authorizer';
import {
  BACKEND_ELASTICSEARCH,
  FLAG_BEARER,
  FLAG_FOLD_NAMES,
  IMAGE_COOKIES,
  IMAGE_COOKIES_LENGTH,
  IMAGE_FLAGS,
  IMAGE_REALM,
  IMAGE_REALM_LENGTH,
  IMAGE_TOKEN_HEADER,
  IMAGE_TOKEN_HEADER_LENGTH,
} from '../policy/layout';
import {
  backend,
  denial as denialMode,
  findSettings,
  identityAt,
  identityLength,
  identityNames,
} from '../policy/settings';
import { locateSignIn, signInEnd, signInStart } from '../policy/sign-in';
import { Subject } from '../policy/subject';
import { verdict } from '../policy/verdict';
import { bytes, clearFault, fault, headerField, locate, numberAt } from '../policy/view';
import { badRequest, tooLarge, unavailable } from './answers';
import { Deferral } from './deferral';
import { Denial, FORM_PAGE } from './denial';
import { Exchange } from './exchange';
import { GuestDirectory } from './guest-directory';
import { stripHeaders } from './header-edits';
import { setIdentity } from './identity';
import { AUTHORIZATION, RequestReader } from './request-reader';
import { System } from './system';

/** Length of SHA-256, the id of an inline policy. */
export const POLICY_ID_LENGTH: i32 = 32;

const FORWARDED_FOR = literal('X-Forwarded-For');
const FORWARDED_PROTO = literal('X-Forwarded-Proto');
const FORWARDED_HOST = literal('X-Forwarded-Host');
const FORWARDED_URI = literal('X-Forwarded-Uri');
const FORWARDED_METHOD = literal('X-Forwarded-Method');
const VERDICT = literal(HEADER_VERDICT);
const REQUEST = literal(HEADER_REQUEST);
const UNRESOLVED = literal(REQUEST_CLIENT_UNRESOLVED);

/**
 * From one request to one answer: reads what the rules need, looks the
 * credential up among the grants, judges, and edits headers. Everything it
 * cannot decide goes to the host, everything it cannot read is refused.
 */
export class Gate {
  readonly directory: GuestDirectory;
  readonly keys: GuestKeys = new GuestKeys();
  /** SHA-256 of the inline policy's image; empty while the snapshot decides. */
  readonly inlineId: StaticArray<u8> = new StaticArray<u8>(POLICY_ID_LENGTH);
  readonly hasInline: bool;

  private request: RequestReader;
  private recent: RecentGrants = new RecentGrants();
  private table: GrantTable = new GrantTable();
  private tag: StaticArray<u8> = new StaticArray<u8>(TAG_LENGTH);
  private subject: Subject = new Subject();
  private deferral: Deferral = new Deferral();
  private denial: Denial;

  private address: ByteWriter = new ByteWriter(new StaticArray<u8>(MAX_IP_TEXT));
  private allowValue: StaticArray<u8> = new StaticArray<u8>(
    VERDICT_ALLOW_PREFIX.length + VERDICT_TAG_LENGTH * 2,
  );
  private deferValue: StaticArray<u8> = new StaticArray<u8>(
    VERDICT_DEFER_PREFIX.length + VERDICT_TAG_LENGTH * 2,
  );

  constructor(
    private exchange: Exchange,
    system: System,
    hasInline: bool,
  ) {
    this.hasInline = hasInline;
    this.directory = new GuestDirectory(system, hasInline);
    this.request = new RequestReader(exchange);
    this.denial = new Denial(exchange);
  }

  /** Takes over the guest key; false when the text is none. */
  setKey(text: StaticArray<u8>, start: i32, end: i32): bool {
    if (!this.keys.fromText(text, start, end)) return false;
    this.writeVerdict(this.allowValue, VERDICT_ALLOW_PREFIX);
    this.writeVerdict(this.deferValue, VERDICT_DEFER_PREFIX);
    return true;
  }

  /** Judges the request at hand, at `now`: true passes it on, false when it has been answered. */
  handle(now: u64): bool {
    let request = this.request;
    if (!request.begin()) return this.refuseTooLarge();
    let reason = request.readTarget();
    if (reason != 0) return this.refuse(reason);
    let authorization = request.readAuthorization();
    if (authorization == AUTHORIZATION_TOO_LARGE) return this.refuseTooLarge();

    let directory = this.directory;
    if (directory.refresh(this.keys.state, this.keys.snapshot, now)) this.recent.clear();
    if (!this.hasInline && directory.state.valid && !directory.state.withinGrace(now))
      return this.refuseUnavailable();
    if (!this.hasPolicy) return this.defer(now);

    reason = admission(request.target);
    if (fault != 0) return this.deferFault(now);
    if (reason != 0) return this.refuse(reason);
    authorization = this.readCredential(authorization);
    if (fault != 0) return this.deferFault(now);
    if (authorization == AUTHORIZATION_TOO_LARGE) return this.refuseTooLarge();
    return this.judge(authorization, now);
  }

  /** How `judge` was asked. */
  private authorization: i32 = AUTHORIZATION_NONE;

  private get hasPolicy(): bool {
    return this.hasInline || this.directory.hasSnapshot;
  }

  /**
   * The one credential that is considered: `Authorization` of an enabled scheme,
   * else the token header, else the cookie of a session. `authorization` is what the
   * first was read as.
   */
  private readCredential(authorization: i32): i32 {
    let bearer = (headerField(IMAGE_FLAGS) & FLAG_BEARER) != 0;
    authorization = enabledScheme(authorization, bearer);
    if (authorization != AUTHORIZATION_NONE) return authorization;
    // What a scheme that is not enabled left there is no credential.
    this.request.credential.clear();
    let len = <i32>headerField(IMAGE_TOKEN_HEADER_LENGTH);
    if (len > 0) {
      let name = locate(<i32>headerField(IMAGE_TOKEN_HEADER), len);
      authorization = this.request.readTokenHeader(bytes, name, name + len);
      if (authorization != AUTHORIZATION_NONE) return authorization;
    }
    if (!this.mayHaveSession) return AUTHORIZATION_NONE;
    len = <i32>headerField(IMAGE_COOKIES_LENGTH);
    let cookies = locate(<i32>headerField(IMAGE_COOKIES), len);
    if (fault != 0) return AUTHORIZATION_NONE;
    return this.request.readSession(bytes, cookies, cookies + len);
  }

  /** There are cookies, and some may be sessions. */
  private get mayHaveSession(): bool {
    return this.request.scan.hasCookie && headerField(IMAGE_COOKIES_LENGTH) != 0;
  }

  /** Rules against subject and target, by what the credential proves. */
  private judge(authorization: i32, now: u64): bool {
    this.authorization = authorization;
    let claims: Claims | null = null;
    let level = LEVEL_NONE;
    let session = authorization == AUTHORIZATION_SESSION;
    let presented = authorization == AUTHORIZATION_BASIC || authorization == AUTHORIZATION_TOKEN;
    if (presented || session) {
      claims = this.findGrant(
        session ? KIND_SESSION : authorization == AUTHORIZATION_BASIC ? KIND_BASIC : KIND_TOKEN,
        now,
      );
      if (claims !== null && !this.mayAskFrom(claims)) claims = null;
      if (claims !== null) level = this.grantLevel;
    }
    let subject = this.subject;
    this.setSubject(claims);
    let target = this.request.target;
    let twice = hasTwoReadings(target);
    // Either reading may ask for it.
    if (twice && !this.readSubjectAddress()) return fault == 0 ? this.refuseTooLarge() : this.deferFault(now);
    let policy = authorize(subject, target);
    if (subject.addressWanted && fault == 0) {
      if (!this.readSubjectAddress()) return fault == 0 ? this.refuseTooLarge() : this.deferFault(now);
      policy = authorize(subject, target);
    }
    if (twice && fault == 0) policy = stricterWithoutParameters(policy, subject, target);
    if (fault != 0) return this.deferFault(now);
    // A credential nobody has vouched for yet: whoever it is, bypass lets in, all else the host must say.
    // An open page that knows its users should know who is signed in, as long as there is a host to tell.
    if ((presented || session) && claims === null) {
      let passes = policy == POLICY_BYPASS && !(session && this.isHostThere(now));
      return passes ? this.allow(null, now) : this.defer(now);
    }
    let outcome = verdict(policy, hasSubjects, level, authorization == AUTHORIZATION_MALFORMED);
    if (outcome == VERDICT_ALLOW) return this.allow(claims, now);
    return this.deny(outcome, presented || authorization == AUTHORIZATION_MALFORMED, session, now);
  }

  /**
   * Refuses in the form that suits the client. `presented`: it showed a credential
   * that is not enough; `session`: that was a cookie.
   */
  private deny(outcome: i32, presented: bool, session: bool, now: u64): bool {
    let request = this.request;
    let target = request.target;
    findSettings(target);
    if (fault != 0) return this.deferFault(now);
    let mode: u32 = denialMode == 0 ? DENIAL_ADAPTIVE : denialMode;
    // The host knows how Authelia answers.
    if (mode == DENIAL_AUTHELIA && outcome == VERDICT_CHALLENGE) return this.defer(now);
    let denial = this.denial;
    denial.begin(
      request.names,
      request.namesEnd,
      target.method,
      target.methodLength,
      target.scheme,
      outcome,
      mode,
      presented,
      session,
    );
    let start = 0;
    let end = 0;
    // Whoever is signed in is told by the portal what is wrong.
    if (session && denial.form == FORM_PAGE && this.isHostThere(now)) {
      locateSignIn(target);
      if (fault != 0) return this.deferFault(now);
      if (signInEnd > signInStart) return this.defer(now);
    }
    if (denial.wantsSignIn) {
      locateSignIn(target);
      start = signInStart;
      end = signInEnd;
      if (start == end) denial.withoutSignIn();
    }
    if (denial.wantsRealm) {
      end = <i32>headerField(IMAGE_REALM_LENGTH);
      start = locate(<i32>headerField(IMAGE_REALM), end);
      end += start;
    }
    if (fault != 0) return this.deferFault(now);
    let secure = !target.isPlain();
    denial.answer(
      request.names,
      secure,
      request.host,
      request.hostEnd,
      request.uri,
      request.uriEnd,
      bytes,
      start,
      end,
    );
    return false;
  }

  /**
   * The client's address into `subject`, for a rule that has asked for it; false
   * when a field is over its limit, or `fault` says more.
   */
  private readSubjectAddress(): bool {
    let request = this.request;
    if (!request.resolveClient()) return false;
    let subject = this.subject;
    subject.addressPending = subject.addressWanted = false;
    subject.hasAddress = request.client.known;
    subject.addressHigh = request.client.high;
    subject.addressLow = request.client.low;
    return true;
  }

  // --- Grants -------------------------------------------------------------------

  private grantLevel: i32 = 0;
  /** The grant that was found is one that this instance has seen before. */
  private isRemembered: bool = false;

  /** Somebody would answer what is deferred now. */
  private isHostThere(now: u64): bool {
    let state = this.directory.state;
    return state.valid && state.fresh(now);
  }

  /** Claims of the live grant for the request's credential; null is a miss. Sets `grantLevel`. */
  private findGrant(kind: i32, now: u64): Claims | null {
    this.isRemembered = false;
    let state = this.directory.state;
    if (!state.valid || !state.withinGrace(now)) return null;
    let credential = this.request.credential;
    let flags = headerField(IMAGE_FLAGS);
    if (kind == KIND_BASIC && (flags & FLAG_FOLD_NAMES) != 0) foldName(credential);
    let target = this.request.target;
    let scope = kind == KIND_SESSION ? this.request.cookies.domainLength : 0;
    credentialTag(
      this.keys,
      kind,
      target.host,
      target.hostLength - scope,
      target.hostLength,
      credential.pair,
      0,
      credential.end,
      this.tag,
    );
    let claims = this.recent.find(this.tag, now);
    if (claims !== null) {
      this.grantLevel = this.recent.level;
      if (!this.isDue(this.recent.refresh, now)) {
        this.isRemembered = true;
        return claims;
      }
      // The host may have written it anew, which nobody is told of.
      this.recent.drop();
    }
    let table = this.table;
    if (!this.directory.hasTable) return null;
    let found = table.find(
      this.keys,
      this.directory,
      state.page,
      STATE_TABLE_ID,
      state.slotSize,
      state.slotCount,
      this.tag,
      kind,
      now,
    );
    if (!found || table.issued < state.notBefore || this.isDue(table.refresh, now)) return null;
    this.recent.remember(
      this.tag,
      table.claims,
      table.claimsLength,
      table.level,
      table.issued,
      table.expiry,
      table.refresh,
    );
    this.grantLevel = table.level;
    return table.claims;
  }

  /** Whether the host wants to be asked again, and can be: without it a grant is good to its end. */
  private isDue(refresh: u64, now: u64): bool {
    return refresh <= now && this.isHostThere(now);
  }

  /** Whether a grant that is bound to networks holds where this request comes from; else the host says what is wrong. */
  private mayAskFrom(claims: Claims): bool {
    if (claims.networks < 0) return true;
    let request = this.request;
    if (!request.resolveClient()) return false;
    let client = request.client;
    return claims.mayAskFrom(client.known, client.high, client.low);
  }

  private setSubject(claims: Claims | null): void {
    let subject = this.subject;
    subject.reset();
    subject.addressPending = true;
    if (claims === null) return;
    subject.buf = claims.buf;
    subject.userStart = claims.userStart;
    subject.userEnd = claims.userEnd;
    subject.groupsAt = claims.groupsStart;
    subject.groupCount = claims.groupCount;
  }

  // --- Outcomes -----------------------------------------------------------------

  /** Passes on with identity headers, on the way past the host. */
  private allow(claims: Claims | null, now: u64): bool {
    findSettings(this.request.target);
    let removable = this.removeIdentity();
    let len = identityLength;
    let identity = locate(identityAt, len);
    if (fault != 0) return this.deferFault(now);
    if (!removable) return this.refuseTooLarge();
    if (backend == BACKEND_ELASTICSEARCH) {
      // It is told what the grant says, or nothing: never what the client sent.
      if (claims === null) this.exchange.setHeader(AUTHORIZATION, AUTHORIZATION, 0, 0);
      // A grant made for another application: the host knows the user's password for this one.
      else if (claims.backendEnd == claims.backendStart) return this.judgeAnewOrDefer(now);
      else this.exchange.setHeader(AUTHORIZATION, claims.buf, claims.backendStart, claims.backendEnd);
    }
    stripHeaders(this.exchange, this.request.names, this.request.scan);
    if (!setIdentity(this.exchange, bytes, identity, identity + len, claims))
      return this.deny(VERDICT_FORBID, true, false, now);
    // Last, as it must not be missing from what the host is sent.
    if (!this.removeSession()) {
      if (fault == 0) return this.refuseTooLarge();
      this.directory.noteFault(fault);
      return this.refuseUnavailable();
    }
    this.exchange.setHeader(VERDICT, this.allowValue, 0, this.allowValue.length);
    return true;
  }

  /** By the grant as it is in the table now: the host puts more into it when it is asked, and tells nobody. */
  private judgeAnewOrDefer(now: u64): bool {
    if (!this.isRemembered) return this.defer(now);
    this.recent.drop();
    // Once: the next one comes from the table.
    return this.judge(this.authorization, now);
  }

  /** Takes the cookies of sessions out of what the backend is sent; false when they are over the limit, or `fault` says more. */
  private removeSession(): bool {
    if (!this.mayHaveSession) return true;
    let len = <i32>headerField(IMAGE_COOKIES_LENGTH);
    let at = locate(<i32>headerField(IMAGE_COOKIES), len);
    return fault == 0 && this.request.removeSessions(bytes, at, at + len);
  }

  /**
   * Marks the client's copies of every identity header for removal, of whatever
   * domain; false when there are too many. Whoever knows no names removes all
   * that could be another spelling of one.
   */
  private removeIdentity(): bool {
    let request = this.request;
    if (!this.hasPolicy || fault != 0) return request.removeAliases();
    let names = identityNames();
    if (names == 0 && fault == 0) return true;
    let len = <i32>numberAt(names);
    let at = locate(names, len);
    return fault == 0 ? request.removeNames(bytes, at, at + len) : request.removeAliases();
  }

  /** Passes on to the host what cannot be judged here, because a part of the policy could not be had. */
  private deferFault(now: u64): bool {
    this.directory.noteFault(fault);
    return this.defer(now);
  }

  /** Passes on to the host, which judges the request described under our MAC. */
  private defer(now: u64): bool {
    let exchange = this.exchange;
    let request = this.request;
    let state = this.directory.state;
    if (state.valid && !state.fresh(now)) return this.refuseUnavailable();
    if (!this.setRequest(now)) return this.refuseTooLarge();
    if (!this.removeIdentity()) return this.refuseTooLarge();
    stripHeaders(exchange, request.names, request.scan);
    // Client-controlled behind any peer the proxy trusts, and passed on by forwardAuth.
    exchange.setHeader(FORWARDED_HOST, request.host, 0, request.hostEnd);
    exchange.setHeader(FORWARDED_URI, request.uri, 0, request.uriEnd);
    exchange.setHeader(FORWARDED_METHOD, request.target.method, 0, request.target.methodLength);
    exchange.setHeader(FORWARDED_PROTO, request.scheme, 0, request.schemeEnd);
    if (this.address.len > 0) exchange.setHeader(FORWARDED_FOR, this.address.buf, 0, this.address.len);
    exchange.setHeader(VERDICT, this.deferValue, 0, this.deferValue.length);
    this.deferral.send(exchange, REQUEST);
    return true;
  }

  private setRequest(now: u64): bool {
    let request = this.request;
    this.address.reset();
    let client = UNRESOLVED;
    let clientEnd = UNRESOLVED.length;
    clearFault();
    if (this.hasPolicy) {
      let resolved = request.resolveClient();
      if (!resolved && fault == 0) return false;
    }
    if (this.hasPolicy && fault == 0) {
      if (request.client.known) formatIp(request.client.high, request.client.low, this.address);
      client = this.address.buf;
      clientEnd = this.address.len;
    }
    let deferral = this.deferral;
    deferral.begin(now);
    deferral.field(request.target.method, 0, request.target.methodLength);
    deferral.field(request.scheme, 0, request.schemeEnd);
    deferral.field(request.target.host, 0, request.target.hostLength);
    deferral.field(request.uri, 0, request.uriEnd);
    deferral.field(client, 0, clientEnd);
    deferral.field(this.inlineId, 0, this.hasInline ? POLICY_ID_LENGTH : 0);
    return deferral.finish(this.keys.request);
  }

  private refuse(reason: i32): bool {
    badRequest(this.exchange, reason);
    return false;
  }

  private refuseTooLarge(): bool {
    tooLarge(this.exchange);
    return false;
  }

  private refuseUnavailable(): bool {
    unavailable(this.exchange);
    return false;
  }

  private writeVerdict(out: StaticArray<u8>, prefix: string): void {
    for (let i = 0; i < prefix.length; i++) out[i] = <u8>prefix.charCodeAt(i);
    copy(out, prefix.length, this.keys.verdictTag, 0, VERDICT_TAG_LENGTH * 2);
  }
}
