import { equalsAsciiFold } from '../bytes/ascii';
import { literal } from '../bytes/literal';
import { Exchange } from './exchange';
import { HeaderScan } from './header-scan';

/** What the gate changes on every request it passes on, bypass included. */

/** Value of `Upgrade`: apart from the scratch space, where a deferral waits. */
const protocol = new StaticArray<u8>(16);
export const COOKIE = literal('Cookie');
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

/** Sends on these `Cookie` lines and no others, a NUL behind each; no header where there are none. */
export function sendCookies(exchange: Exchange, lines: StaticArray<u8>, start: i32, end: i32): void {
  let isFirst = true;
  for (let i = start; i < end; i++) {
    if (unchecked(lines[i]) != 0) continue;
    if (isFirst) exchange.setHeader(COOKIE, lines, start, i);
    else exchange.addHeader(COOKIE, lines, start, i);
    isFirst = false;
    start = i + 1;
  }
  if (isFirst) exchange.removeHeader(COOKIE, 0, COOKIE.length);
}
