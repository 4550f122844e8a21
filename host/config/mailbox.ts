import { domainToASCII } from 'node:url';
import { UNSAFE } from '../log/printable.ts';
import { type Reader, shown } from './values.ts';

/** Somebody who can be sent mail. */
export interface Mailbox {
  /** Empty without one; holds nothing that could end a header's line. */
  readonly name: string;
  readonly address: string;
}

/** RFC 5321 section 4.5.3.1. */
const MAX_ADDRESS = 254;
const LOCAL_PART = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;
const DOMAIN = /^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/;
/** In a header it could pass for another header or name. */
const UNSAFE_RUN = new RegExp(`${UNSAFE.source}+`, UNSAFE.flags);

/**
 * One plain address in ASCII, its domain perhaps in Unicode; undefined for
 * anything else. No comments, quotes, routes, groups or lists: those are where
 * one text becomes two recipients.
 */
export function mailAddress(text: string): string | undefined {
  const at = text.lastIndexOf('@');
  const local = text.slice(0, at);
  const domain = domainToASCII(text.slice(at + 1));
  if (at < 1 || local.length > 64 || !LOCAL_PART.test(local) || !DOMAIN.test(domain)) return undefined;
  const address = `${local}@${domain}`;
  return address.length <= MAX_ADDRESS ? address : undefined;
}

/** A text that stays within its header's line. */
export function headerText(text: string): string {
  return text.replace(UNSAFE_RUN, ' ').trim().slice(0, MAX_ADDRESS);
}

/** `Postern <postern@example.com>`, `"Postern" <postern@example.com>` or the address alone. */
export function parseMailbox(text: string): Mailbox | undefined {
  const match = /^\s*(?:"([^"\\]*)"|([^"<>,;:\\]*?))\s*<([^<>]*)>\s*$/.exec(text);
  const address = mailAddress(match === null ? text.trim() : (match[3] ?? ''));
  return address === undefined ? undefined : { name: headerText(match?.[1] ?? match?.[2] ?? ''), address };
}

export const mailbox: Reader<Mailbox> = raw => {
  const found = typeof raw === 'string' ? parseMailbox(raw) : undefined;
  return found === undefined
    ? {
        ok: false,
        message: `must be an address like \`Postern <postern@example.com>\`, got ${shown(raw)}`,
      }
    : { ok: true, value: found };
};
