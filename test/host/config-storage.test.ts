import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../host/config/parse.ts';
import { createSecret } from '../../host/secret/secret.ts';

const POSTERN_SECRET = createSecret();
const PLACE = "address: 'tcp://postgres:5432', database: authelia, username: authelia, password: x";

function read(postgres: string) {
  const text = `authentication_backend: { file: { path: users.yml } }\nstorage: { postgres: { ${PLACE}, ${postgres} } }\n`;
  const yaml = { file: 'postern.yml', text };
  const { config, problems } = parseConfig({ yaml, env: { POSTERN_SECRET }, isTerminal: false });
  return {
    storage: config.storage,
    told: problems.map(({ severity, path, message }) => `${severity}: ${path}: ${message}`),
  };
}

describe('storage from the environment', () => {
  const parse = (text: string, env: Record<string, string>) => {
    const yaml = { file: '/etc/postern/postern.yml', text: `${text}\n` };
    const { config, problems } = parseConfig({ yaml, env: { POSTERN_SECRET, ...env }, isTerminal: false });
    const told = problems.map(({ path, message }) => `${path}: ${message}`);
    return { storage: config.storage, regulation: config.regulation, told };
  };
  const USERS = 'authentication_backend: { file: { path: users.yml } }';

  it('is a file, and all that comes with a database', () => {
    const { storage, regulation, told } = parse(USERS, { POSTERN_STORAGE_LOCAL_PATH: 'db.sqlite3' });
    expect([storage, told]).toEqual([{ kind: 'sqlite', path: '/etc/postern/db.sqlite3' }, []]);
    expect(regulation?.maxRetries).toBe(3);
  });

  it('counts over the file, key by key', () => {
    const { storage, told } = parse(
      `${USERS}\nstorage: { postgres: { ${PLACE}, tls: { server_name: a.example.com } } }`,
      {
        POSTERN_STORAGE_POSTGRES_ADDRESS: 'tcp://db:6432',
        POSTERN_STORAGE_POSTGRES_TLS_MINIMUM_VERSION: 'TLS1.3',
      },
    );
    expect(told).toEqual([]);
    expect(storage).toMatchObject({
      ...{ host: 'db', port: 6432, database: 'authelia', password: 'x' },
      tls: { serverName: 'a.example.com', minVersion: 'TLSv1.3' },
    });
  });

  it('says which variable is wrong, and that there are two databases', () => {
    const { told } = parse(USERS, {
      POSTERN_STORAGE_POSTGRES_ADDRESS: 'db',
      POSTERN_STORAGE_POSTGRES_DATABASE: 'a b',
      POSTERN_STORAGE_POSTGRES_USERNAME: 'postern',
    });
    expect(told).toEqual([expect.stringContaining('POSTERN_STORAGE_POSTGRES_DATABASE: must be a name of')]);
    const both = parse(`${USERS}\nstorage: { postgres: { ${PLACE} } }`, { POSTERN_STORAGE_LOCAL_PATH: 'x' });
    expect(both.told).toEqual([
      expect.stringContaining('stands beside `storage.postgres`: keep one of them'),
    ]);
  });
});

describe('storage.postgres', () => {
  it('takes the versions of TLS that are asked for', () => {
    const { storage, told } = read(
      'tls: { server_name: db.example.com, minimum_version: TLS1.3, maximum_version: TLS1.3 }',
    );
    expect(told).toEqual([]);
    expect(storage).toMatchObject({
      tls: { serverName: 'db.example.com', minVersion: 'TLSv1.3', maxVersion: 'TLSv1.3' },
    });
  });

  it("says which of Authelia's keys are not used, and uses the others", () => {
    const { storage, told } = read("timeout: 5s, tls: { certificate_chain: a, private_key: '' }");
    expect(storage).toMatchObject({ kind: 'postgres', host: 'postgres', tls: {}, connectSeconds: 5 });
    expect(told).toEqual([
      'warning: storage.postgres.tls.certificate_chain: not used: PostgreSQL is signed in to with a password, not with a certificate; the key may stay',
    ]);
  });

  it.each(['timeout:', 'servers: []', 'ssl: { mode: disable }', 'sslmode:', 'tls:'])(
    'minds nothing that says nothing: %s',
    text => {
      const { storage, told } = read(text);
      expect([storage?.kind, told]).toEqual(['postgres', []]);
    },
  );

  it.each([
    ['timeout: 5m', 'storage.postgres.timeout: must be from 1s to 1m'],
    ['timeout: soon', 'storage.postgres.timeout: must be a duration like'],
    ['tls: true', 'storage.postgres.tls: must be a mapping'],
    ['tls: { minimum_version: TLS1.1 }', 'storage.postgres.tls.minimum_version: must be `TLS1.2` or'],
    [
      'tls: { minimum_version: TLS1.3, maximum_version: TLS1.2 }',
      'storage.postgres.tls.maximum_version: is below',
    ],
    ['tls: { skip_verify: true }', 'storage.postgres.tls.skip_verify: must be removed'],
    ['ssl: { mode: verify-full }', 'storage.postgres.ssl: must be removed'],
    ["servers: [{ address: 'tcp://b' }]", 'storage.postgres.servers: must be removed'],
  ])('refuses %s', (text, message) => {
    const { storage, told } = read(text);
    expect(storage).toBeUndefined();
    expect(told).toEqual([expect.stringContaining(`error: ${message}`)]);
  });
});
