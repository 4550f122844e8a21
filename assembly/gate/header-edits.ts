import { equalsAsciiFold } from '../bytes/ascii';
import { literal } from '../bytes/literal';
import { scratch } from '../bytes/scratch';
import { withoutSessions } from '../http/cookie';
import { Exchange } from './exchange';
import { HeaderScan } from './header-scan';
import { COOKIE } from './request-reader';

/** What the gate changes on every request it passes on, bypass included. */

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
 * Sends on the `Cookie` lines in `scratch[0, len)`, a NUL behind each, without the
 * cookies of `block[at, end)`; no header where nothing is left.
 */
export function sendCookies(exchange: Exchange, len: i32, block: StaticArray<u8>, at: i32, end: i32): void {
  let start = 0;
  let isFirst = true;
  for (let i = 0; i < len; i++) {
    if (unchecked(scratch[i]) != 0) continue;
    let left = withoutSessions(scratch, start, i, block, at, end);
    if (left > start) {
      if (isFirst) exchange.setHeader(COOKIE, scratch, start, left);
      else exchange.addHeader(COOKIE, scratch, start, left);
      isFirst = false;
    }
    start = i + 1;
  }
  if (isFirst) exchange.removeHeader(COOKIE, 0, COOKIE.length);
}
