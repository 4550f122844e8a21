import { encodeBase64Url } from '../bytes/base64';
import { scratch } from '../bytes/scratch';
import { ByteWriter } from '../bytes/writer';
import { MAX_HOST, MAX_METHOD, MAX_URI, REQUEST_FIELDS, REQUEST_MAC_LENGTH } from '../contract';
import { Hmac, HmacKey } from '../crypto/hmac';
import { Exchange } from './exchange';

/**
 * The value of `Postern-Request`: which request the guest deferred, under its
 * MAC, so that the host judges the very same one whatever other middlewares or
 * forwarding headers say (layout in `contract.ts`).
 */

/** Time, six lengths, method, scheme, host, URI, address, policy id, MAC. */
const MAX_PAYLOAD: i32 =
  8 + REQUEST_FIELDS * 4 + MAX_METHOD + 8 + MAX_HOST + MAX_URI + 48 + 32 + REQUEST_MAC_LENGTH;
/** That in base64url. */
export const MAX_DEFERRAL: i32 = ((MAX_PAYLOAD + 2) / 3) * 4;

const hmac = new Hmac();

export class Deferral {
  private payload: ByteWriter = new ByteWriter(scratch, MAX_PAYLOAD);
  private encoded: ByteWriter = new ByteWriter(scratch, MAX_PAYLOAD + MAX_DEFERRAL);

  begin(time: u64): void {
    this.payload.reset();
    this.payload.u64(time);
  }

  field(buf: StaticArray<u8>, start: i32, end: i32): void {
    this.payload.u32(end - start);
    this.payload.bytes(buf, start, end);
  }

  /** Adds the MAC and encodes; false when a field was too long. */
  finish(key: HmacKey): bool {
    let payload = this.payload;
    hmac.begin(key);
    hmac.update(payload.buf, 0, payload.len);
    let at = payload.reserve(REQUEST_MAC_LENGTH);
    if (at < 0 || !hmac.finish(payload.buf, at)) return false;
    this.encoded.reset();
    this.encoded.len = MAX_PAYLOAD; // behind the payload
    encodeBase64Url(payload.buf, 0, payload.len, this.encoded);
    return !payload.overflow && !this.encoded.overflow;
  }

  /** Sets the header; to be called right after `finish`. */
  send(exchange: Exchange, name: StaticArray<u8>): void {
    exchange.setHeader(name, scratch, MAX_PAYLOAD, this.encoded.len);
  }
}
