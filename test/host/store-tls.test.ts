import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { StorageSetup } from '../../host/config/schema.ts';
import { openStore } from '../../host/store/open.ts';
import { selfSigned } from '../support/certificate.ts';
import { describePostgres, PATIENT, type PostgresServer, startPostgres } from '../support/postgres.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';

type Tls = NonNullable<Extract<StorageSetup, { kind: 'postgres' }>['tls']>;

const NAME = 'db.example.com';
/** Whom PostgreSQL runs as where the tests are root. */
const NOBODY = 65_534;

afterAll(removeTempDirectories);

describePostgres('a database behind TLS', binaries => {
  let server: PostgresServer;
  let ca: Uint8Array;
  /** What came of asking for TLS before the server had any. */
  let withoutTls: unknown;

  const open = async (host: string, tls: Tls) => {
    const settings = { ...server.createSettings(), ...PATIENT, host, tls };
    const store = await openStore(settings, { secret: Buffer.alloc(32, 3), random: randomBytes });
    await store.close();
    return server.sql(settings.database, 'show ssl');
  };

  async function turnOn(): Promise<void> {
    const { certificate, key } = selfSigned([NAME]);
    ca = readFileSync(certificate);
    const directory = tempDirectory();
    const own = (file: string) => {
      if (process.getuid?.() === 0) chownSync(file, NOBODY, NOBODY);
    };
    own(directory);
    for (const [from, name] of [
      [certificate, 'tls.crt'],
      [key, 'tls.key'],
    ] as const) {
      copyFileSync(from, join(directory, name));
      chmodSync(join(directory, name), 0o600);
      own(join(directory, name));
    }
    for (const [name, value] of [
      ['ssl_cert_file', join(directory, 'tls.crt')],
      ['ssl_key_file', join(directory, 'tls.key')],
      ['ssl_max_protocol_version', 'TLSv1.2'],
      ['ssl', 'on'],
    ])
      server.sql('postgres', `alter system set ${name} = '${value}'`);
    await server.restart();
  }

  beforeAll(async () => {
    server = await startPostgres(binaries);
    withoutTls = await open('127.0.0.1', {}).catch((error: unknown) => error);
    await turnOn();
  });
  afterAll(() => server?.stop());

  it('that has none is not used, and said so', () => {
    expect(withoutTls).toMatchObject({
      code: 'ERR_STORE_UNAVAILABLE',
      message: expect.stringContaining('PostgreSQL does not encrypt: turn `ssl` on'),
    });
  });

  it.each(['127.0.0.1', 'localhost'])('is known by another name than its address: %s', async host => {
    expect(await open(host, { ca, serverName: NAME })).toBe('on');
  });

  it.each([
    ['another name', 'localhost', () => ({ ca }), 'is for another name: write that one in'],
    [
      'a name that is not its own',
      'localhost',
      () => ({ ca, serverName: 'other.example.com' }),
      'another name',
    ],
    [
      'an unknown CA',
      '127.0.0.1',
      () => ({ serverName: NAME }),
      'is not trusted (DEPTH_ZERO_SELF_SIGNED_CERT)',
    ],
    [
      'an older version of TLS than is asked for',
      '127.0.0.1',
      () => ({ ca, serverName: NAME, minVersion: 'TLSv1.3' as const }),
      'the database cannot be asked (',
    ],
  ])('is not used with %s', async (_, host, tls, message) => {
    await expect(open(host, tls())).rejects.toMatchObject({
      code: 'ERR_STORE_UNAVAILABLE',
      message: expect.stringContaining(message),
    });
  });
});
