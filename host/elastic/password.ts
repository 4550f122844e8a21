import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { KEY_LENGTH } from '../../assembly/contract.ts';
import { deriveKey } from '../secret/derive.ts';

/** Under the root secret: the guest key must not lead to anybody's password. */
const LABEL_ELASTIC = 'elastic';
const LABEL_PASSWORD = 'password';
const LABEL_MARK = 'mark';
/** Bytes of a mark: it names a key, it guards nothing. */
const MARK_LENGTH = 8;

/**
 * Passwords of Elasticsearch users, derived from the root secret, the user and
 * a generation: replicas come to the same one without asking each other, and
 * nothing has to be stored.
 */
export class ElasticPasswords {
  readonly #key: Uint8Array;

  /** @param root the root secret */
  constructor(root: Uint8Array) {
    this.#key = deriveKey(root, LABEL_ELASTIC);
  }

  /** 43 characters of base64url. */
  of(elasticName: string, generation: number): string {
    const info = injective(LABEL_PASSWORD, elasticName, generation);
    return Buffer.from(hkdfSync('sha256', this.#key, Buffer.alloc(0), info, KEY_LENGTH)).toString(
      'base64url',
    );
  }

  /** Kept with the user in Elasticsearch: tells by which root secret its password was made, and nothing else. */
  mark(elasticName: string, generation: number): string {
    const mac = createHmac('sha256', this.#key).update(injective(LABEL_MARK, elasticName, generation));
    return mac.digest().subarray(0, MARK_LENGTH).toString('hex');
  }

  isMark(text: string, elasticName: string, generation: number): boolean {
    const own = Buffer.from(this.mark(elasticName, generation));
    const other = Buffer.from(text);
    return own.length === other.length && timingSafeEqual(own, other);
  }

  /** What the backend is sent. */
  authorization(elasticName: string, generation: number): string {
    const pair = `${elasticName}:${this.of(elasticName, generation)}`;
    return `Basic ${Buffer.from(pair, 'utf8').toString('base64')}`;
  }
}

/** Each text behind its length, so that no user and generation read as another pair. */
function injective(label: string, elasticName: string, generation: number): Buffer {
  const parts = [label, elasticName].flatMap(text => {
    const bytes = Buffer.from(text, 'utf8');
    return [u32(bytes.length), bytes];
  });
  return Buffer.concat([...parts, u32(generation)]);
}

function u32(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(value);
  return out;
}
