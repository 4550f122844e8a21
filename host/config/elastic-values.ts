import { type Read, type Reader, shown, TAKEN_HEADERS, textList } from './values.ts';

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

/** Headers by which proxies tell of a request, not of a user: the client has a say in each of them. */
const OF_REQUESTS =
  /^(postern|sec)-|^x-forwarded-(for|host|proto|port|uri|method|prefix|server|ssl|scheme|tls-.*)$/;

/** Name of a header that says who somebody is. */
export const identityHeader: Reader<string> = raw => {
  const form = 'must be the name of a header, for example `Remote-User`';
  if (typeof raw !== 'string' || !/^[A-Za-z0-9-]{1,64}$/.test(raw)) return bad(`${form}, got ${shown(raw)}`);
  const name = raw.toLowerCase();
  return TAKEN_HEADERS.has(name) || OF_REQUESTS.test(name)
    ? bad(`${form}: \`${raw}\` does not say who somebody is`)
    : good(raw);
};

/** Elasticsearch's own limit for the name of a role, and of a user. */
const MAX_ROLE = 507;

/** Roles by name: 1 to 507 printable ASCII characters without blanks around them. */
export const roleNames: Reader<readonly string[]> = raw => {
  const list = textList(raw);
  if (!list.ok) return list;
  const odd = list.value.find(role => role.length > MAX_ROLE || !/^[!-~]([ -~]*[!-~])?$/.test(role));
  return odd === undefined
    ? list
    : bad(
        `must name roles of Elasticsearch, 1 to ${MAX_ROLE} printable ASCII characters without blanks around them, got ${shown(odd)}`,
      );
};

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
    if (group.trim() === '') return bad(`${form}; a group has no name`);
    if (!textList(roles).ok) return bad(`${form}; \`${group}\` is ${shown(roles)}`);
    const list = roleNames(roles);
    if (!list.ok) return bad(`\`${group}\` ${list.message}`);
    mappings.push([group, list.value]);
  }
  return good(mappings);
};
