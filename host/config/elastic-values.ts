import { type Read, type Reader, shown } from './values.ts';

const good = <T>(value: T): Read<T> => ({ ok: true, value });
const bad = (message: string): Read<never> => ({ ok: false, message });

/** Where something listens that has no path: `127.0.0.1:5000`, `:5000`, `tcp://[::1]:5000`. */
export const listenAddress: Reader<{ readonly host: string; readonly port: number }> = raw => {
  const form = 'must be `HOST:PORT`, for example `127.0.0.1:5000`';
  const match =
    typeof raw === 'string'
      ? /^(?:tcp:\/\/)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]*):(\d{1,5})$/.exec(raw)
      : undefined;
  const port = Number(match?.[2] ?? Number.NaN);
  if (!match || !(port <= 65_535)) return bad(`${form}, got ${shown(raw)}`);
  return good({ host: (match[1] ?? '').replace(/^\[|\]$/g, ''), port });
};

/** Name of a header that says who somebody is. */
export const identityHeader: Reader<string> = raw =>
  typeof raw === 'string' && /^[A-Za-z0-9-]{1,64}$/.test(raw)
    ? good(raw)
    : bad(`must be the name of a header, for example \`Remote-User\`, got ${shown(raw)}`);

export type GroupMappings = readonly (readonly [group: string, roles: readonly string[]])[];

/** Groups to roles, `admins: [superuser]`; in the environment as JSON. */
export const groupMappings: Reader<GroupMappings> = raw => {
  const form = 'must be a mapping of groups to lists of roles, for example `admins: [superuser]`';
  let value = raw;
  if (typeof raw === 'string') {
    try {
      value = JSON.parse(raw);
    } catch {
      return bad(`${form}, got ${shown(raw)}`);
    }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return bad(`${form}, got ${shown(raw)}`);
  const mappings: [string, readonly string[]][] = [];
  for (const [group, roles] of Object.entries(value)) {
    const list: unknown = typeof roles === 'string' ? [roles] : roles;
    if (!Array.isArray(list) || !list.every(role => typeof role === 'string')) {
      return bad(`${form}; \`${group}\` is ${shown(roles)}`);
    }
    mappings.push([group, list]);
  }
  return good(mappings);
};
