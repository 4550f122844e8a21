import { equalsAsciiFold, hasControl, holdsAny } from '../bytes/ascii';
import { readU16 } from '../bytes/bytes';
import { literal } from '../bytes/literal';
import { scratch } from '../bytes/scratch';
import { ByteWriter } from '../bytes/writer';
import { HEADER_EMAIL, HEADER_GROUPS, HEADER_NAME, HEADER_USER } from '../contract';
import { Claims } from '../grant/claims';
import { Exchange } from './exchange';
import { HeaderScan } from './header-scan';

/** What the gate changes on every request it passes on, bypass included. */

const REMOTE_USER = literal(HEADER_USER);
const REMOTE_GROUPS = literal(HEADER_GROUPS);
const REMOTE_NAME = literal(HEADER_NAME);
const REMOTE_EMAIL = literal(HEADER_EMAIL);
/** Joined groups. */
const joined = new ByteWriter(scratch);
/** Value of `Upgrade`: apart from the scratch space, where a deferral waits. */
const protocol = new StaticArray<u8>(16);
const UPGRADE = literal('Upgrade');
const CONNECTION = literal('Connection');
const CONNECTION_UPGRADE = literal('upgrade');

/** Removes what the client may not send, and all ways out of HTTP but a WebSocket. */
export function stripHeaders(exchange: Exchange, names: StaticArray<u8>, scan: HeaderScan): void {
  for (let i = 0; i < scan.removalCount; i++) {
    exchange.removeHeader(names, unchecked(scan.removals[i * 2]), unchecked(scan.removals[i * 2 + 1]));
  }
  let webSocket = false;
  if (scan.hasUpgrade) {
    // An `h2c` upgrade on an allowed path would open a raw tunnel to the backend.
    let len = exchange.header(UPGRADE, protocol);
    webSocket = exchange.headerCount == 1 && len > 0 && equalsAsciiFold(protocol, 0, len - 1, 'websocket');
    if (!webSocket) exchange.removeHeader(UPGRADE, 0, UPGRADE.length);
  }
  if (scan.hasConnection) {
    // Headers named in `Connection` are dropped on the way: ours must not be (CVE-2024-45410).
    if (webSocket) exchange.setHeader(CONNECTION, CONNECTION_UPGRADE, 0, CONNECTION_UPGRADE.length);
    else exchange.removeHeader(CONNECTION, 0, CONNECTION.length);
  }
}

/**
 * Sets every identity header, empty for an anonymous visitor (`claims` null),
 * so that no copy of the client's remains.
 */
export function setIdentity(exchange: Exchange, claims: Claims | null): void {
  if (claims === null) {
    exchange.setHeader(REMOTE_USER, scratch, 0, 0);
    exchange.setHeader(REMOTE_GROUPS, scratch, 0, 0);
    exchange.setHeader(REMOTE_NAME, scratch, 0, 0);
    exchange.setHeader(REMOTE_EMAIL, scratch, 0, 0);
    return;
  }
  joined.reset();
  let onlyText = claims.hasOnlyText();
  joinGroups(claims, onlyText, joined);
  setValue(exchange, REMOTE_USER, claims.buf, onlyText, claims.userStart, claims.userEnd);
  exchange.setHeader(REMOTE_GROUPS, joined.buf, 0, joined.len);
  setValue(exchange, REMOTE_NAME, claims.buf, onlyText, claims.nameStart, claims.nameEnd);
  setValue(exchange, REMOTE_EMAIL, claims.buf, onlyText, claims.emailStart, claims.emailEnd);
}

/** A text with a control byte is left empty. */
function setValue(
  exchange: Exchange,
  name: StaticArray<u8>,
  buf: StaticArray<u8>,
  onlyText: bool,
  start: i32,
  end: i32,
): void {
  exchange.setHeader(name, buf, start, onlyText || !hasControl(buf, start, end) ? end : start);
}

/** Joins with commas as Authelia does; a group that holds a comma or a control byte is left out. */
function joinGroups(claims: Claims, onlyText: bool, out: ByteWriter): void {
  let at = claims.groupsStart;
  for (let i = 0; i < claims.groupCount; i++) {
    let start = at + 2;
    at = start + <i32>readU16(claims.buf, at);
    // A comma would forge a list.
    if (!onlyText && holdsAny(claims.buf, start, at, 0x20, 0x2c)) continue;
    if (out.len > 0) out.u8(0x2c);
    out.bytes(claims.buf, start, at);
  }
}
