import { formatDuration, parseDuration } from './duration.ts';

/** A value in the program's units, or what must be written instead. */
export type Read<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly message: string };
/** Reads one value; YAML gives it typed, the environment as text. */
export type Reader<T> = (raw: unknown) => Read<T>;

const good = <T>(value: T): Read<T> => ({ ok: true, value });
const bad = (message: string): Read<never> => ({ ok: false, message });

/** A value in a message: short, in one line, quoted as JSON; of an address without name and password. */
export function shown(raw: unknown): string {
  const text = JSON.stringify(raw, (_, value) => withoutLogins(value)) ?? String(raw);
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}

/** `https://name:password@host`, `:password@host`: as a text, or as the name of a key. */
function withoutLogins(value: unknown): unknown {
  if (typeof value === 'string') return withoutLogin(value);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [withoutLogin(key), item]));
}

function withoutLogin(text: string): string {
  const at = text.lastIndexOf('@');
  if (at < 0 || !text.slice(0, at).includes(':')) return text;
  const scheme = /^([a-z][a-z0-9+.-]*:)?\/\//i.exec(text)?.[0] ?? '';
  return `${scheme}***${text.slice(at)}`;
}

export const text: Reader<string> = raw =>
  typeof raw === 'string' && raw.trim() !== '' ? good(raw) : bad(`must be a text, got ${shown(raw)}`);

/** A text whose key many files hold with an empty value, which means that it is absent. */
export const textOrEmpty: Reader<string> = raw => (raw === '' ? good('') : text(raw));

export const boolean: Reader<boolean> = raw => {
  if (raw === true || raw === 'true') return good(true);
  if (raw === false || raw === 'false') return good(false);
  return bad(`must be \`true\` or \`false\`, got ${shown(raw)}`);
};

/** One of these texts, as it stands. */
export function oneOf<T extends string>(...allowed: readonly T[]): Reader<T> {
  return raw => {
    const found = allowed.find(name => name === raw);
    const names = allowed.map(name => `\`${name}\``);
    return found === undefined
      ? bad(`must be ${names.slice(0, -1).join(', ')} or ${names.at(-1)}, got ${shown(raw)}`)
      : good(found);
  };
}

/** `refuse`, `clean`, or the domains that are cleaned: `clean: ['gitlab.example.com']`. */
export const ambiguousPaths: Reader<'refuse' | 'clean' | { readonly clean: readonly string[] }> = raw => {
  if (raw === 'refuse' || raw === 'clean') return good(raw);
  if (typeof raw === 'object' && raw !== null && Object.keys(raw).join() === 'clean') {
    const domains = textList((raw as { clean: unknown }).clean);
    return domains.ok ? good({ clean: domains.value }) : bad(`under \`clean\`: ${domains.message}`);
  }
  return bad(`must be \`refuse\`, \`clean\` or a list of domains under the key \`clean\`, got ${shown(raw)}`);
};

/** A whole number from `min` to `max`, also written as a text of digits. */
export function integer(min: number, max: number, multipleOf = 1): Reader<number> {
  return raw => {
    const value = typeof raw === 'string' && /^\d{1,15}$/.test(raw) ? Number(raw) : raw;
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) {
      if (value % multipleOf === 0) return good(value);
    }
    const kind = multipleOf === 1 ? 'a whole number' : `a multiple of ${multipleOf}`;
    return bad(`must be ${kind} from ${min} to ${max}, got ${shown(raw)}`);
  };
}

/** Whole seconds from `min` to `max`. */
export function duration(min: number, max: number): Reader<number> {
  return raw => {
    const seconds = parseDuration(raw);
    if (seconds === undefined) {
      return bad(`must be a duration like \`1h\`, \`15m\` or \`1h 30m\`, got ${shown(raw)}`);
    }
    if (seconds < min || seconds > max) {
      return bad(`must be from ${formatDuration(min)} to ${formatDuration(max)}, got ${shown(raw)}`);
    }
    return good(Math.round(seconds));
  };
}

/** Headers that mean something else, to us or to the proxy. */
export const TAKEN_HEADERS: ReadonlySet<string> = new Set([
  'authorization',
  'proxy-authorization',
  'cookie',
  'host',
  'connection',
  'upgrade',
  'content-length',
  'content-type',
  'transfer-encoding',
  'te',
  'trailer',
  'forwarded',
  'x-real-ip',
  'x-original-url',
  'x-rewrite-url',
]);

/** Name of a header for API tokens: letters, digits and hyphens, which every proxy passes on. */
export const tokenHeader: Reader<string> = raw => {
  const form = 'must be the name of a header of its own, for example `X-Api-Key`';
  if (typeof raw !== 'string' || !/^[A-Za-z0-9-]{1,64}$/.test(raw)) return bad(`${form}, got ${shown(raw)}`);
  const name = raw.toLowerCase();
  const taken = TAKEN_HEADERS.has(name) || /^(postern|remote|x-forwarded|sec)-/.test(name);
  return taken ? bad(`${form}: \`${raw}\` means something else already`) : good(raw);
};

/** A list of texts; one text is a list of one. In the environment commas separate. */
export const textList: Reader<readonly string[]> = raw => {
  const list = typeof raw === 'string' ? [raw] : raw;
  if (Array.isArray(list) && list.every(item => typeof item === 'string')) return good(list);
  return bad(`must be a list of texts, got ${shown(raw)}`);
};
