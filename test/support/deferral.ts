import { createHmac } from 'node:crypto';
import { deriveKey } from '../../host/secret/derive.ts';
import type { TestApp } from './test-app.ts';

/** `Postern-Request` as the guest writes it. */
export function sign(
  test: Pick<TestApp, 'guestKey' | 'clock'>,
  fields: { uri?: string; client?: string; policyId?: Uint8Array; age?: number; key?: Uint8Array } = {},
): string {
  const prefixed = (bytes: Uint8Array) => {
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  const time = Buffer.alloc(8);
  time.writeBigUInt64LE(BigInt(test.clock.now() - (fields.age ?? 0)));
  const texts = ['GET', 'https', 'signed.example.com', fields.uri ?? '/', fields.client ?? '203.0.113.9'];
  const body = Buffer.concat([
    time,
    ...texts.map(text => prefixed(Buffer.from(text))),
    prefixed(fields.policyId ?? Buffer.alloc(0)),
  ]);
  const key = deriveKey(fields.key ?? test.guestKey, 'request');
  return Buffer.concat([body, createHmac('sha256', key).update(body).digest()]).toString('base64url');
}
