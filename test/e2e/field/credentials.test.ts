import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hashSync } from '@node-rs/argon2';
import { expect, it } from 'vitest';
import { between, moment } from '../../support/stopwatch.ts';
import { tempDirectory } from '../../support/temp.ts';
import { basicCredential } from '../../support/tls-client.ts';
import { ANN } from '../../support/world.ts';
import { describeField, type Field, forEach, valuesOf } from './field.ts';

const CHEAP = { memoryCost: 8_192, timeCost: 1, parallelism: 1 };
/** What an unknown user costs, too, as soon as one user has it. */
const COSTLY = { memoryCost: 16_384, timeCost: 2, parallelism: 1 };

/** `key` is theirs, and of no others whose name is a beginning or a longer form of the same text. */
const KEY = 'ly-shared:key';
/** One for each proxy, so that each sees a credential that nobody knows yet. */
const owner = (door: string) => `secret-${door.replace(/[^a-z]/g, '')}`;
const DOORS = ['traefik-guest', 'traefik', 'nginx', 'caddy', 'caddy-next', 'haproxy'];
interface Account {
  readonly name: string;
  readonly password: string;
  readonly digest?: typeof CHEAP;
  readonly disabled?: boolean;
}
const PEOPLE = [ANN.user, 's', 'sec', 'secret', 'secret-', 'secret-n', 'secret-h'].map(name => ({
  name,
  password: `password of ${name}`,
}));

const users: readonly Account[] = [
  ...PEOPLE,
  ...DOORS.flatMap(door => [
    { name: owner(door), password: KEY },
    { name: `${owner(door)}ly`, password: `of ${door} alone` },
  ]),
  { name: 'costly', password: 'password of costly', digest: COSTLY },
  { name: 'gone', password: 'password of gone', disabled: true },
];

function usersFile(): string {
  const path = join(tempDirectory(), 'users.yml');
  const entries = users.map(({ name, password, digest = CHEAP, disabled = false }) => {
    const entry = { displayname: name, email: `${name}@example.com`, groups: [], disabled };
    return [name, { ...entry, password: hashSync(password, digest) }];
  });
  writeFileSync(path, JSON.stringify({ users: Object.fromEntries(entries) }));
  return path;
}

const config = {
  authentication_backend: { file: { path: usersFile(), search: { email: true } } },
  session: undefined,
  access_control: { default_policy: 'one_factor' },
};

describeField('credentials', config, field => {
  const as = (user: string, password: string) => [`Authorization: ${basicCredential(`${user}:${password}`)}`];

  it('cache key collisions, CVE-2026-71326: no other cut through the same text lets in, while it is verified and after', async () => {
    const name = owner(field.door.version);
    const whole = name + KEY;
    // A colon ends the name: behind one in the key no cut can be made.
    const cuts = Array.from({ length: whole.indexOf(':') }, (_, i) => [
      whole.slice(0, i + 1),
      whole.slice(i + 1),
    ]);
    const twists = [
      [name, KEY.slice(1)],
      [name, `:${KEY}`],
      [name, `${KEY} `],
      [name, KEY.toUpperCase()],
      [name, `${KEY}${KEY}`],
      [name.toUpperCase(), KEY],
      [`${name} `, KEY],
      [` ${name}`, KEY],
      ['', whole],
      // What some readers take for nothing, or for another letter.
      [`\ufeff${name}`, KEY],
      [name, `\ufeff${KEY}`],
      [`${name}\u200b`, KEY],
      [`${name}\0`, KEY],
      [name, `${KEY}\0`],
      [name, `${KEY}\n`],
      [name.replace('s', '\u017f'), KEY],
      [name.replace('s', '\uff53'), KEY],
      [ANN.user, KEY],
    ];
    const right = Array.from({ length: 4 }, () => [name, KEY]);
    await forEach([...right, ...cuts, ...twists, ...right], async ([user = '', password = '']) => {
      const { answer, received } = await field.ask('GET /', as(user, password));
      const isRight = user === name && password === KEY;
      expect(answer.status, `${user}|${password}`).toBe(isRight ? 200 : 401);
      expect(received === undefined ? [] : valuesOf(received, 'Remote-User')).toEqual(isRight ? [name] : []);
    });
  });

  it('cache key collisions: a credential of one kind is none of another', async () => {
    const { name, password } = PEOPLE[1] ?? { name: '', password: '' };
    const text = Buffer.from(`${name}:${password}`).toString('base64');
    expect((await field.ask('GET /', [`Authorization: Basic ${text}`])).answer.status).toBe(200);
    await forEach(
      [
        `Authorization: Bearer ${text}`,
        `Authorization: Bearer ${name}:${password}`,
        `Authorization: Token ${text}`,
        `Cookie: postern_session=${text}`,
        `Proxy-Authorization: Basic ${text}`,
        `X-Authorization: Basic ${text}`,
      ],
      async line => {
        const { answer, received } = await field.ask('GET /', [line]);
        expect(received, line).toBeUndefined();
        expect(answer.status, line).toBe(401);
      },
    );
  });

  it('everybody gets the answer to their own question, CVE-2026-33544', async () => {
    const questions = Array.from({ length: 48 }, (_, i) => PEOPLE[i % PEOPLE.length]);
    await forEach(questions, async asked => {
      const { name, password } = asked ?? { name: '', password: '' };
      const { received } = await field.ask('GET /', as(name, password));
      expect(received === undefined ? [] : valuesOf(received, 'Remote-User')).toEqual([name]);
      expect(received === undefined ? [] : valuesOf(received, 'Remote-Email')).toEqual([
        `${name}@example.com`,
      ]);
    });
  });

  /** Whose password is wrong, by what is known about them; the disabled one's may be right. */
  const KINDS: Readonly<Record<string, (i: number) => string[]>> = {
    unknown: i => as('nobody', `wrong-${i}`),
    known: i => as(ANN.user, `wrong-${i}`),
    costly: i => as('costly', `wrong-${i}`),
    disabled: i => as('gone', `wrong-${i}`),
    'disabled, right password': i =>
      as(['gone', 'gone@example.com', 'GONE@example.com'][i] ?? '', 'password of gone'),
    'unknown mail address': i => as('nobody@example.com', `wrong-${i}`),
  };
  const ROUNDS = 3;

  it('user enumeration by time, CVE-2026-32595, CVE-2026-41263, CVE-2026-88010: each refusal costs one verification, says the same and takes as long', async () => {
    const before = await verifications(field);
    const said = new Set<string>();
    const ofEachKind = () => new Map(Object.keys(KINDS).map(kind => [kind, [] as number[]]));
    const [took, worked] = [ofEachKind(), ofEachKind()];
    // Interleaved, so that whatever else the machine does is done to all of them.
    const tries = Array.from({ length: ROUNDS }, (_, i) =>
      Object.entries(KINDS).map(([kind, credential]) => ({ kind, lines: credential(i) })),
    ).flat();
    await forEach(tries, async ({ kind, lines }) => {
      const began = moment();
      const { answer, received } = await field.ask('GET /', lines);
      const answered = moment();
      took.get(kind)?.push(answered.at - began.at);
      worked.get(kind)?.push(between(began, answered));
      expect(received, kind).toBeUndefined();
      const headers = answer.headers
        .filter(([name]) => !/^date$/i.test(name))
        .map(([name, value]) => `${name}: ${value}`);
      said.add([answer.status, ...headers.sort(), '', answer.body].join('\n'));
    });
    expect([...said]).toHaveLength(1);
    expect([...said][0]).toMatch(/^401\n/);
    expect((await verifications(field)) - before).toBe(tries.length);

    const text = [...took].map(([kind, times]) => `${kind}: ${times.map(Math.round).join(' ')}`).join('\n');
    // Authelia's two seconds, which hide what the verification itself takes.
    expect(Math.min(...[...took.values()].flat()), text).toBeGreaterThan(1_990);
    // Its jitter is 84 ms; the rest is room for a busy machine. What the machine took for itself may
    // have hit one kind more than another: a difference of ours is there with it and without it.
    const apart = [took, worked].map(times => {
      const medians = [...times.values()].map(median);
      return Math.max(...medians) - Math.min(...medians);
    });
    expect(Math.min(...apart), text).toBeLessThan(1_000);
  });
});

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

/** Passwords that the host has verified so far, whatever came of it. */
async function verifications(field: Field): Promise<number> {
  const text = await (await fetch(`${field.world.hostUrl}/metrics`)).text();
  return text
    .split('\n')
    .filter(line => line.startsWith('postern_password_verifications_total'))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
