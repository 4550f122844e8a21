import { hash } from '@node-rs/argon2';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { GRANTS_PER_PRINCIPAL } from '../../assembly/contract.ts';
import { formatProblem } from '../../host/config/problem.ts';
import { loadEngine } from '../../host/policy/load-engine.ts';
import { policyId } from '../../host/snapshot/snapshot-file.ts';
import { parseUsers } from '../../host/users/parse-users.ts';
import { UserIndex } from '../../host/users/search.ts';
import { header } from '../support/guest.ts';
import { basic, type Service, startService } from '../support/service.ts';
import { removeTempDirectories } from '../support/temp.ts';

const CHEAP = { memoryCost: 64, timeCost: 1, parallelism: 1 };
const BOTH = { caseInsensitive: true, email: true };
const CASE = { caseInsensitive: true, email: false };
const MAIL = { caseInsensitive: false, email: true };

let digest = '';
beforeAll(async () => {
  digest = await hash('pw', CHEAP);
});
afterAll(removeTempDirectories);

const file = (users: Readonly<Record<string, string>>) =>
  `users:\n${Object.entries(users)
    .map(([name, mail]) => `  ${name}:\n    password: '${digest}'\n    email: '${mail}'\n`)
    .join('')}`;

describe('users that could be taken for each other', () => {
  it.each([
    [CASE, { Bob: '' }, ['2: users.Bob: must be in lower case with `search.case_insensitive`: write `bob`']],
    [
      CASE,
      { böb: '' },
      [
        '2: users.böb: must be ASCII: `search.case_insensitive` knows the case of A to Z only; rename the user or turn it off',
      ],
    ],
    [MAIL, { Bob: '', böb: 'b@example.com' }, []],
    [
      MAIL,
      { alice: 'a@example.com', bob: 'A@Example.com', carol: '', dave: '' },
      [
        '7: users.bob.email: is also the address of `alice`: with `search.email` each user needs another, or none',
      ],
    ],
    [
      MAIL,
      { alice: 'bob', Bob: '' },
      [
        "4: users.alice.email: is also the name of user `Bob`: with `search.email` nobody may have another's name as address",
      ],
    ],
    [BOTH, { 'a@example.com': 'a@example.com' }, []],
    [{ caseInsensitive: false, email: false }, { Bob: 'x', alice: 'x', x: '' }, []],
  ])('%j: %j', (search, users, expected) => {
    const { problems } = parseUsers('users.yml', file(users), search);
    expect(problems.map(formatProblem)).toEqual(expected.map(text => `users.yml:${text}`));
  });
});

describe('finding users', () => {
  const users = { alice: 'Alice@Example.com', bob: 'bob@example.com', carol: '' };
  const find = (search: typeof BOTH, typed: string) =>
    new UserIndex(parseUsers('f', file(users), search).users, search).find(typed)?.principal.username;

  it.each([
    ['bob', 'bob', 'bob', 'bob'],
    ['Bob', 'bob', undefined, 'bob'],
    ['BOB@example.COM', undefined, 'bob', 'bob'],
    ['alice@example.com', undefined, 'alice', 'alice'],
    ['bob ', undefined, undefined, undefined],
    [' bob@example.com', undefined, undefined, undefined],
    ['', undefined, undefined, undefined],
    // Kelvin's sign and the long s fold to ASCII letters elsewhere.
    ['\u212aarl', undefined, undefined, undefined],
  ])('%j by name, by mail, by both', (typed, byCase, byMail, byBoth) => {
    expect([find(CASE, typed), find(MAIL, typed), find(BOTH, typed)]).toEqual([byCase, byMail, byBoth]);
  });

  it('gives grants of one search no value under another', () => {
    const epochs = [CASE, MAIL, BOTH, { caseInsensitive: false, email: false }].map(search =>
      Buffer.from(parseUsers('f', file({ bob: 'b' }), search).users.get('bob')?.epoch ?? []).toString('hex'),
    );
    expect(new Set(epochs).size).toBe(4);
  });
});

describe('fold_names of the policy', () => {
  const engine = loadEngine(new URL('../../dist/embed.wasm', import.meta.url));
  const rules = { access_control: { default_policy: 'one_factor' } };
  const compile = (document: object) => {
    const compiled = engine.compile(document);
    if (!compiled.ok) return compiled.problems.map(problem => `${problem.path}: ${problem.message}`);
    engine.load(compiled.image);
    return compiled.image;
  };
  const name = (pair: string) => {
    const read = engine.parseAuthorization([Buffer.from(basic(pair), 'latin1').toString('latin1')]);
    return read.kind === 'basic' ? `${read.username}|${read.password}` : read.kind;
  };

  it.each([
    ['Bob:PassWord', 'bob|PassWord'],
    ['BOB@EXAMPLE.COM:x:Y', 'bob@example.com|x:Y'],
    ['AZ[\\]^_`az{@:A', 'az[\\]^_`az{@|A'],
    ['bob :x', 'bob |x'],
    ['BÖB\u212a:x', 'bÖb\u212a|x'],
  ])('folds %j', (pair, folded) => {
    compile({ ...rules, fold_names: true });
    expect(name(pair)).toBe(folded);
    for (const off of [{ ...rules, fold_names: false }, rules, { ...rules, fold_names: null }]) {
      compile(off);
      expect(name(pair)).toBe(pair.replace(':', '|'));
    }
  });

  it('is part of the policy, so that guest and host cannot differ in it', () => {
    const [on, off] = [compile({ ...rules, fold_names: true }), compile(rules)];
    expect(policyId(on as Uint8Array)).not.toEqual(policyId(off as Uint8Array));
    expect(compile({ ...rules, fold_names: false })).toEqual(off);
    expect(compile({ ...rules, fold_names: 'yes' })).toEqual([
      'fold_names: `"yes"` must be `true` or `false`',
    ]);
  });
});

describe('the service and its guest', () => {
  let service: Service;
  afterEach(() => service.stop());
  const verdict = (guest: ReturnType<Service['guest']>, credential: string) => {
    const outcome = guest.ask({ host: 'app.example.com', headers: [['Authorization', basic(credential)]] });
    const value = header(outcome, 'Postern-Verdict') ?? String(outcome.response?.status);
    return [value.replace(/-.*/, ''), header(outcome, 'Remote-User')];
  };

  it('make one account of all its names, and one grant of all spellings', async () => {
    service = await startService(file({ bob: 'Bob@example.com', alice: '' }), {
      search: { case_insensitive: true, email: true },
    });
    const guest = service.guest();
    for (const name of ['bob', 'Bob', 'bOB']) {
      expect(await service.login(`${name}:pw`)).toMatchObject({
        status: 200,
        headers: { 'remote-user': 'bob' },
      });
    }
    expect(service.records()).toHaveLength(1);
    // Never seen by the host, and yet the guest knows it.
    for (const name of ['bob', 'BOb', 'BOB']) expect(verdict(guest, `${name}:pw`)).toEqual(['allow', 'bob']);

    expect(verdict(guest, 'bob@example.com:pw')[0]).toBe('defer');
    expect((await service.login('bob@Example.com:pw')).headers['remote-user']).toBe('bob');
    expect(verdict(guest, 'BOB@example.com:pw')).toEqual(['allow', 'bob']);
    const records = service.records();
    expect(records).toHaveLength(2);
    expect(records[0]?.userTag).toEqual(records[1]?.userTag);

    for (const wrong of ['bob :pw', 'bob:PW', 'alice@example.com:pw']) {
      expect(verdict(guest, wrong)[0]).toBe('defer');
    }
    const refused = await Promise.all(['bob :pw', 'Bob:PW', 'b\u00f6b:pw'].map(service.login));
    expect(refused.map(answer => answer.status)).toEqual([401, 401, 401]);
  });

  it('cap the grants of an account, by whatever name it signs in', async () => {
    service = await startService(file({ bob: 'bob@example.com', alice: '' }), { search: { email: true } });
    await service.login('alice:pw');
    for (let i = 0; i < 20; i++) {
      const spelling = [...'bob@example.com'].map((c, j) => ((i >> j) & 1 ? c.toUpperCase() : c)).join('');
      expect((await service.login(`${spelling}:pw`)).status).toBe(200);
    }
    expect((await service.login('bob:pw')).status).toBe(200);
    expect(service.records()).toHaveLength(GRANTS_PER_PRINCIPAL + 1);
    expect(verdict(service.guest(), 'alice:pw')).toEqual(['allow', 'alice']);
  });

  it('fold alike with an inline policy', async () => {
    service = await startService(file({ bob: '' }), { search: { case_insensitive: true } });
    await service.login('Bob:pw');
    const accessControl = {
      default_policy: 'deny',
      rules: [{ domain: 'app.example.com', policy: 'one_factor' }],
    };
    const inline = service.guest({ access_control: accessControl, fold_names: true });
    expect(verdict(inline, 'BOB:pw')).toEqual(['allow', 'bob']);
    const exact = service.guest({ access_control: accessControl });
    expect(verdict(exact, 'BOB:pw')[0]).toBe('defer');
    expect(verdict(exact, 'bob:pw')).toEqual(['allow', 'bob']);
  });
});
