import type { ElasticAccess } from '../config/schema.ts';

/** How we prove who we are, as the client takes it. */
export function authOf({ credentials }: ElasticAccess) {
  return 'apiKey' in credentials ? { apiKey: credentials.apiKey } : { ...credentials };
}

/** What our own account is proved by, as it is sent. */
export function secretsOf({ credentials }: ElasticAccess): string[] {
  if ('apiKey' in credentials) return [credentials.apiKey];
  const { username, password } = credentials;
  const pair = Buffer.from(`${username}:${password}`, 'utf8').toString('base64');
  return [pair, password, JSON.stringify(password).slice(1, -1)].filter(text => text !== '');
}

/** By what a host proves who it is, and we do. */
export function tlsOf({ ca, cert, key }: ElasticAccess['tls']) {
  return {
    // Whatever NODE_TLS_REJECT_UNAUTHORIZED says.
    rejectUnauthorized: true,
    ...(ca && { ca: Buffer.from(ca) }),
    ...(cert && { cert: Buffer.from(cert) }),
    ...(key && { key: Buffer.from(key) }),
  };
}
