import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatSecret } from '../../host/secret/secret.ts';
import { ELASTIC_SECRET, elasticHost, person } from '../support/elastic.ts';
import { answer, ScriptedElasticsearch } from '../support/elasticsearch/scripted.ts';
import { freePort } from '../support/net.ts';
import { runCli } from '../support/run-cli.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';

const DIGEST = `$2b$04$${'a'.repeat(53)}`;
const PASSWORD = 'own-account-password';
const env = { POSTERN_SECRET: formatSecret(ELASTIC_SECRET) };

let es: ScriptedElasticsearch;
let file = '';
beforeEach(async () => {
  es = await new ScriptedElasticsearch().start();
  configure();
  const host = await elasticHost(es);
  for (const name of ['stays', 'left', 'gone', 'off']) await host.authorization(person(name));
  await host.service.close();
  es.users.set('old', { roles: ['viewer'], full_name: '', email: '', enabled: true, metadata: {} });
  es.calls.length = 0;
});
afterEach(() => es.stop());
afterAll(removeTempDirectories);

function configure(more = '', url = es.url): void {
  const home = tempDirectory();
  writeFileSync(
    join(home, 'users.yml'),
    `users: { stays: { displayname: S, password: '${DIGEST}' }, off: { displayname: O, disabled: true, password: '${DIGEST}' } }\n`,
  );
  file = join(home, 'postern.yml');
  writeFileSync(
    file,
    `access_control: { default_policy: one_factor }
authentication_backend: { file: { path: users.yml } }
elasticsearch: { hosts: ['${url}'], username: elastic, password: ${PASSWORD}${more} }
`,
  );
}

const cli = (...args: string[]) => runCli(['elastic', ...args, '--config', file], { env });
const isEnabled = (name: string) => es.users.get(name)?.enabled;

describe('postern elastic sync', () => {
  const row = (user: string, directory: string, now: string) => ({
    user,
    elasticsearch: user,
    directory,
    now,
  });

  it('--dry-run says who would be disabled, as a table and as JSON, and changes nothing', async () => {
    expect(await cli('sync', '--dry-run')).toEqual({
      code: 0,
      out: 'left\tleft\tgone\twould be disabled\ngone\tgone\tgone\twould be disabled\noff\toff\tdisabled\twould be disabled\n',
      err: '',
    });
    const { code, out } = await cli('sync', '--dry-run', '--json');
    expect([code, JSON.parse(out)]).toEqual([
      0,
      [
        row('left', 'gone', 'would be disabled'),
        row('gone', 'gone', 'would be disabled'),
        row('off', 'disabled', 'would be disabled'),
      ],
    ]);
    expect(['left', 'gone', 'off'].map(isEnabled)).toEqual([true, true, true]);
    expect(es.calls.every(({ method }) => method === 'GET')).toBe(true);
  });

  it('disables them and nobody else, and has nothing to do then', async () => {
    const { code, out } = await cli('sync', '--json');
    expect([code, JSON.parse(out).map(({ now }: { now: string }) => now)]).toEqual([
      0,
      ['disabled', 'disabled', 'disabled'],
    ]);
    expect(['left', 'gone', 'off', 'stays', 'old'].map(isEnabled)).toEqual([false, false, false, true, true]);
    expect(await cli('sync')).toEqual({ code: 0, out: '', err: 'nobody is to be disabled\n' });
    expect(await cli('sync', '--json')).toMatchObject({ code: 0, out: '[]\n' });
  });

  it('says who was disabled when Elasticsearch fails on the way', async () => {
    es.script = (call, turn) =>
      call.path.startsWith('/_security/user/gone/')
        ? answer(turn.response, 403, { error: { reason: 'no' } })
        : turn.next();
    const { code, out, err } = await cli('sync');
    expect([code, out]).toEqual([
      1,
      'left\tleft\tgone\tdisabled\ngone\tgone\tgone\tleft\noff\toff\tdisabled\tleft\n',
    ]);
    expect(err).toContain(es.url);
    expect(err).toContain('manage_security');
  });

  it('disables the others when Elasticsearch will not hear of one', async () => {
    es.script = (call, turn) =>
      call.path.startsWith('/_security/user/left/')
        ? answer(turn.response, 400, { error: { reason: 'only existing users can be disabled' } })
        : turn.next();
    const { code, out, err } = await cli('sync');
    expect([code, out]).toEqual([
      1,
      'left\tleft\tgone\tleft\ngone\tgone\tgone\tdisabled\noff\toff\tdisabled\tdisabled\n',
    ]);
    expect(err).toContain('only existing users can be disabled');
  });
});

describe('postern elastic adopt', () => {
  it('--dry-run says who would be taken over, and changes nothing', async () => {
    expect(await cli('adopt', '--dry-run', 'old', 'stays', 'nobody')).toEqual({
      code: 0,
      out: 'old\twould be taken over\nstays\tis ours already\nnobody\tis not there: nothing to do\n',
      err: '',
    });
    expect(es.users.get('old')?.metadata).toEqual({});
    const { code, out } = await cli('adopt', '--json', 'old', 'elastic', '_xpack_security', 'a\nb');
    expect([code, JSON.parse(out).map(({ status }: { status: string }) => status)]).toEqual([
      1,
      ['adopted', 'reserved', 'reserved', 'no-name'],
    ]);
    expect(es.users.get('old')?.metadata.postern).toMatchObject({ user: 'old', generation: 1 });
  });

  it('leaves our own account alone: a user of its name would lock us out', async () => {
    es.users.set('own', { roles: ['postern'], full_name: '', email: '', enabled: true, metadata: {} });
    writeFileSync(file, readFileSync(file, 'utf8').replace('username: elastic', 'username: own'));
    expect(await cli('adopt', 'own', 'old')).toEqual({
      code: 1,
      out: 'own\trefused: it is the account of elasticsearch.username\nold\ttaken over\n',
      err: '',
    });
    expect(es.users.get('own')?.metadata).toEqual({});
  });

  it('says who was taken over when Elasticsearch fails on the way', async () => {
    es.script = (call, turn) =>
      call.path === '/_security/user/second'
        ? answer(turn.response, 401, { error: { reason: 'no' } })
        : turn.next();
    const { code, out, err } = await cli('adopt', 'old', 'second', 'third');
    expect([code, out]).toEqual([1, 'old\ttaken over\n']);
    expect(err).toContain('refuses our own account');
  });
});

describe.each([['sync'], ['adopt', 'old']])('postern elastic %s', (...args) => {
  it('says what is wrong when there is nobody to ask', async () => {
    const nowhere = `http://127.0.0.1:${await freePort()}`;
    configure('', nowhere);
    const { code, err } = await cli(...args);
    expect([code, err]).toEqual([1, expect.stringContaining(`${nowhere}: Elasticsearch cannot be reached`)]);
    expect(err.includes(PASSWORD)).toBe(false);
  });

  it('asks nothing while elasticsearch.dry_run is on', async () => {
    configure(', dry_run: true');
    const { code, err } = await cli(...args);
    expect([code, es.calls]).toEqual([1, []]);
    expect(err).toContain('`elasticsearch.dry_run` is on');
  });

  it('asks nothing with a bad configuration, or none of Elasticsearch', async () => {
    configure(', hostz: 1');
    expect(await cli(...args)).toMatchObject({ code: 1, err: expect.stringContaining('did you mean') });
    writeFileSync(
      file,
      'access_control: { default_policy: one_factor }\nauthentication_backend: { file: { path: users.yml } }\n',
    );
    expect(await cli(...args)).toMatchObject({
      code: 1,
      err: expect.stringContaining('no `elasticsearch.hosts` is configured'),
    });
    expect((await runCli(['elastic', ...args, '--nonsense'], { env })).code).toBe(2);
    expect(es.calls).toEqual([]);
  });
});

it('postern elastic adopt wants a name', async () => {
  expect((await cli('adopt')).code).toBe(2);
});

it('libraries print nothing of what they send, whatever DEBUG says', async () => {
  const program = fileURLToPath(new URL('../../dist/postern.mjs', import.meta.url));
  const args = [program, 'elastic', 'sync', '--config', file];
  const run = promisify(execFile)(process.execPath, args, { env: { ...env, DEBUG: '*' } });
  const { stdout, stderr } = await run;
  expect(es.calls.length).toBeGreaterThan(0);
  expect(stdout).toContain('left\tleft\tgone\tdisabled');
  expect(stderr).toBe('');
});
