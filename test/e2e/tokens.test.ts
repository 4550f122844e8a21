import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { between, moment } from '../support/stopwatch.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';
import { describeTraefik } from '../support/traefik.ts';
import { waitUntil } from '../support/wait.ts';
import { type AskOptions, type Stack, startStack } from './stack.ts';
import { deferrals } from './ways.ts';

const postern = fileURLToPath(new URL('../../dist/postern.mjs', import.meta.url));
/** A change of the file is effective in the guest two seconds later; the rest is for a busy machine. */
const EFFECTIVE_MS = 2_000 + 3_000;

describeTraefik('API tokens in a real Traefik', binary => {
  let stack: Stack;
  let tokensFile: string;

  beforeAll(async () => {
    tokensFile = join(tempDirectory(), 'tokens.yml');
    stack = await startStack({
      binary: binary(),
      accessControl: {
        default_policy: 'deny',
        rules: [
          { domain: 'app.test', policy: 'one_factor', subject: ['group:deploy', 'group:admin'] },
          { domain: 'two.test', policy: 'two_factor' },
          { domain: 'pub.test', policy: 'bypass' },
        ],
      },
      users: { ann: { password: 'password of ann', groups: ['deploy'] } },
      domains: ['app.test', 'two.test', 'pub.test'],
      config: { tokens: { file: tokensFile, header: 'X-Api-Key' } },
    });
  }, 600_000);

  afterAll(async () => {
    await stack?.stop();
    removeTempDirectories();
  });

  /** `postern token …`; what it printed. */
  function token(args: readonly string[], stdin = ''): Promise<string> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [postern, 'token', ...args, '--config', stack.configFile], {
        env: { ...stack.hostEnv, PATH: process.env.PATH ?? '' },
      });
      let out = '';
      let err = '';
      child.stdout.on('data', part => {
        out += part;
      });
      child.stderr.on('data', part => {
        err += part;
      });
      child.on('error', reject);
      child.on('close', code => (code === 0 ? resolve(out.trim()) : reject(new Error(`${code}: ${err}`))));
      child.stdin.end(stdin);
    });
  }

  const bearer = (secret: string): AskOptions => ({ headers: { authorization: `Bearer ${secret}` } });
  const apiKey = (secret: string): AskOptions => ({ headers: { 'x-api-key': secret } });
  const status = async (ask: AskOptions, domain = 'app.test') => (await stack.ask(domain, '/', ask)).status;
  const becomes = (wanted: number, ask: AskOptions) =>
    waitUntil(`${wanted}`, async () => (await status(ask)) === wanted);

  it('is made, deferred once for each way it is sent, and then decided in the guest', async () => {
    const made = await token(['create', 'ci', '--group', 'deploy', '--displayname', 'CI']);
    expect(made).toMatch(/^postern_token_/);
    await becomes(200, bearer(made));
    const ways: readonly (readonly [AskOptions, number])[] = [
      // Bearer is known from above, and the header carries the same credential.
      [bearer(made), 0],
      [apiKey(made), 0],
      [{ as: `ci:${made}` }, 1],
    ];
    for (const [ask, asked] of ways) {
      const count = await deferrals(stack, async () => {
        for (let i = 0; i < 5; i++) {
          const answer = await stack.ask('app.test', '/', ask);
          expect(answer.status).toBe(200);
          expect(answer.received).toMatchObject({
            'remote-user': 'ci',
            'remote-groups': 'deploy',
            'remote-name': 'CI',
          });
        }
      });
      expect(count).toBe(asked);
    }
    expect(await stack.metric('postern_password_verifications_total')).toBe(0);
    expect(await status(bearer(made), 'two.test')).toBe(401);
  });

  it('is not mixed up with a password, and leaves bypass rules alone', async () => {
    expect(await status({ as: 'ann:password of ann' })).toBe(200);
    expect(await status(bearer('password-of-ann'))).toBe(401);
    const answer = await stack.ask('pub.test', '/', bearer('the-application-s-own'));
    expect(answer.status).toBe(200);
    expect(answer.received).toMatchObject({
      authorization: 'Bearer the-application-s-own',
      'remote-user': '',
    });
  });

  it('that existed before is imported', async () => {
    const args = ['import', 'user-abc', '--group', 'admin', '--group', 'user'];
    expect(await token(args, 'valid-token-123\n')).toBe('');
    await becomes(200, bearer('valid-token-123'));
    const answer = await stack.ask('app.test', '/', bearer('valid-token-123'));
    expect(answer.received).toMatchObject({ 'remote-user': 'user-abc', 'remote-groups': 'admin,user' });
    expect(await status(bearer('valid-token-1234'))).toBe(401);
  });

  it('has two good secrets while it is rotated, and none two seconds after it is revoked', async () => {
    const first = await token(['create', 'rotated', '--group', 'deploy']);
    await becomes(200, bearer(first));
    const second = await token(['rotate', 'rotated']);
    await becomes(200, bearer(second));
    for (const secret of [first, second]) expect(await status(bearer(secret))).toBe(200);

    const id = JSON.parse(await token(['list', '--json'])).find(
      (listed: { name: string }) => listed.name === 'rotated',
    ).secrets[0].id as string;
    await token(['revoke', 'rotated', '--secret', id]);
    const cut = moment();
    await becomes(401, bearer(first));
    expect(between(cut)).toBeLessThan(EFFECTIVE_MS + 2_000);
    expect(await status(bearer(second))).toBe(200);
    await token(['revoke', 'rotated']);
    const revoked = moment();
    // Until then hits are answered by the guest; a refusal waits two seconds in the host.
    await waitUntil('a deferral', async () => (await deferrals(stack, () => status(bearer(second)))) > 0);
    expect(between(revoked)).toBeLessThan(EFFECTIVE_MS + 2_000);
    expect(await status(bearer(second))).toBe(401);
  });

  it('ends when it is said to, without anybody telling the guest', async () => {
    const short = await token(['create', 'short', '--group', 'deploy', '--expires', '12s']);
    await becomes(200, bearer(short));
    expect(await deferrals(stack, () => status(bearer(short)))).toBe(0);
    await becomes(401, bearer(short));
  });

  it('counts only from its networks', async () => {
    const near = await token(['create', 'near', '--group', 'deploy', '--network', '127.0.0.0/8']);
    const far = await token(['create', 'far', '--group', 'deploy', '--network', '10.0.0.0/8']);
    await becomes(200, bearer(near));
    expect(await deferrals(stack, () => status(bearer(near)))).toBe(0);
    for (let i = 0; i < 2; i++) expect(await status(bearer(far))).toBe(401);
    // The client does not choose where it comes from: Traefik trusts no X-Forwarded-For of its.
    expect(await status({ headers: { authorization: `Bearer ${far}`, 'x-forwarded-for': '10.1.2.3' } })).toBe(
      401,
    );
  });

  it('is listed with its last use once the host has stopped', async () => {
    await stack.host.stop();
    const listed = JSON.parse(await token(['list', '--json'])) as {
      readonly name: string;
      readonly last_used: string | null;
    }[];
    const used = new Map(listed.map(({ name, last_used }) => [name, last_used]));
    expect(used.get('ci')).toMatch(/Z$/);
    expect(used.get('far')).toBeNull();
    expect(await token(['list', '--stale', '1d'])).toBe('');
  });
});
