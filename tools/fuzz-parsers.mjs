// Every parser of embed.wasm under hostile bytes: policy documents and images,
// JSON, Authorization, cookies, targets, addresses, claims, records, key texts. The
// answers are judged by their callers' tests; here nothing may trap, take long
// or refuse a policy without saying why.
import { Buffer } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { instantiateSync } from '@assemblyscript/loader';
import { SIGN_IN } from './fuzz/guest-sessions.mjs';
import { mutateBytes, mutateJson, mutateText } from './fuzz/mutate.mjs';
import { randomFrom } from './fuzz-regexp.mjs';

/** Longer than any parser takes: a damaged image may cost 100 ms (`snapshot/image.ts`), on a busy machine more. */
const SLOW_MS = 3_000;
const CORPUS = new URL('../test/cases/acl/corpus.jsonl.gz', import.meta.url);
const GRANTS = new URL('../test/cases/grant/grants.json', import.meta.url);
const KEYS = new URL('../test/cases/grant/keys.json', import.meta.url);
const json = url => JSON.parse(readFileSync(url, 'utf8'));
const hex = text => Buffer.from(text, 'hex');
const latin1 = text => Buffer.from(text, 'latin1');

const AUTHORIZATIONS = ['Basic YWxpY2U6cGFzc3dvcmQ=', 'basic  dTpw', 'Bearer abc.def', 'Basic w7w6w7w='];
const COOKIES = [
  `__Secure-s=${'x'.repeat(64)}\0`,
  `a=1; __Secure-s=${'y'.repeat(64)}; b=2\0c=3\0`,
  `__Secure-two="${'z'.repeat(64)}"; __Secure-s=\0`,
];
const ADDRESSES = [
  '203.0.113.9:80',
  '[2001:db8::1]:443',
  '127.0.0.1',
  '::ffff:10.0.0.1',
  '198.51.100.7, 10.0.0.1\0',
];

/** Documented in fuzz-parsers.d.mts. */
export function fuzzParsers({ wasm, seconds = Infinity, inputs = Infinity, seed, report }) {
  const random = randomFrom(Math.imul(seed, 0x9e3779b1));
  const result = { inputs: 0, policies: 0, good: 0, images: 0, loaded: 0, findings: 0 };
  let engine = openEngine(wasm);
  const rows = gunzipSync(readFileSync(CORPUS)).toString('utf8').trim().split('\n');
  const cases = { grants: json(GRANTS), keys: json(KEYS) };
  const stop = performance.now() + seconds * 1_000;
  while (performance.now() < stop && result.inputs < inputs) {
    const row = JSON.parse(random.pick(rows));
    for (const [name, steps] of rounds(random, row, cases, result)) {
      const began = performance.now();
      let wrong;
      try {
        wrong = steps(engine);
      } catch (error) {
        wrong = `trap: ${error.message}`;
        engine = openEngine(wasm);
      }
      const took = performance.now() - began;
      if (took > SLOW_MS) wrong ??= `took ${Math.round(took)} ms`;
      result.inputs++;
      if (wrong === undefined) continue;
      result.findings++;
      report(`seed ${seed}, input ${result.inputs} (${name}): ${wrong}`);
    }
  }
  return result;
}

/** What is tried around one policy of the corpus; each answers what is wrong. */
function* rounds(random, row, cases, result) {
  const valid = {
    access_control: row.access_control,
    definitions: row.definitions,
    realm: 'x',
    allow_http: ['a.test'],
    sign_in: SIGN_IN,
  };
  const compile = (engine, text, asGuest) => {
    result.policies++;
    const errors = engine.call('policyCompile', text, asGuest);
    const problems = JSON.parse(Buffer.from(engine.bytes('policyProblems')).toString('utf8'));
    if (errors > 0)
      return problems.some(problem => problem.severity === 'error') ? undefined : 'refused silently';
    result.good++;
    return engine.call('policyLoad', engine.bytes('policyImage')) === 0
      ? 'its own image does not load'
      : undefined;
  };
  const text = Buffer.from(JSON.stringify(valid));
  for (let i = 0; i < 4; i++) {
    yield [
      'policy',
      engine => compile(engine, Buffer.from(JSON.stringify(mutateJson(random, valid))), random.below(2)),
    ];
    yield ['policy bytes', engine => compile(engine, mutateBytes(random, text), random.below(2))];
    yield ['json', engine => void engine.call('jsonCheck', mutateBytes(random, text))];
  }
  yield ['policy as it is', engine => compile(engine, text, 0)];
  for (let i = 0; i < 12; i++) {
    yield [
      'image',
      engine => {
        const image = engine.bytes('policyImage');
        result.images++;
        if (engine.call('policyLoad', i === 0 ? image : mutateBytes(random, image)) !== 0) result.loaded++;
      },
    ];
    for (let n = 0; n < 4; n++) yield ['decide', engine => decide(engine, random, row, cases)];
  }
  yield ['others', engine => others(engine, random, cases)];
}

function decide(engine, random, row, { grants }) {
  const asked = random.pick(row.requests);
  const change = value => (random.below(3) === 0 ? mutateText(random, value) : value);
  const [, host = 'a.test', uri = '/'] = /^\w+:\/\/([^/?#]*)(.*)$/.exec(asked.url ?? '') ?? [];
  const fields = [asked.method ?? 'GET', 'https', host, uri || '/', asked.ip ?? ''].map(field =>
    latin1(change(field)),
  );
  const claims = hex(random.pick(grants.good).claimsBytes);
  const principal = random.pick([Buffer.alloc(0), claims, mutateBytes(random, claims)]);
  const answer = engine.call('decide', joined(fields), principal, random.below(4), random.below(2));
  if (answer >= 0 && (answer & 15) > 2) return `verdict ${answer & 15}`;
  engine.call('targetRead', joined(fields));
  return undefined;
}

function others(engine, random, { grants, keys }) {
  const change = value => latin1(random.below(4) === 0 ? value : mutateText(random, value));
  engine.call('readAuthorization', change(random.pick(AUTHORIZATIONS)));
  const lines = random.pick(COOKIES).repeat(random.pick([1, 1, 2, 200, 2_000]));
  const cookies = random.below(4) === 0 ? mutateBytes(random, latin1(lines)) : change(lines);
  engine.call('readSession', change(random.pick(['a.test', 'two.test', 'example.com'])), cookies);
  engine.call('stripSessions', cookies);
  engine.call('clientAddress', change(random.pick(ADDRESSES)), change(random.pick(ADDRESSES)));
  engine.call('isTrustedProxy', change(random.pick(ADDRESSES)));
  engine.call('ipCanonical', change(random.pick(ADDRESSES)));
  engine.call('networksClear');
  for (let i = 0; i < 4; i++)
    engine.call('networksAdd', change(random.pick(['10.0.0.0/8', '2001:db8::/32', '::1'])));
  engine.call('networksContain', change(random.pick(ADDRESSES)));
  engine.call('grantKeys', change(keys.guestText));
  engine.call('grantKeys', latin1(keys.guestText));
  const row = random.pick(grants.good);
  const slot = random.pick([0, -1, 511, 512, 1_024, 4_096, 4_097]);
  engine.call('grantClear');
  for (let way = 0; way < 8; way++) {
    const record = random.below(2) ? hex(row.record) : mutateBytes(random, hex(row.record));
    engine.call('grantPut', way, 1_024, record.subarray(0, 1_024));
  }
  const at = BigInt(row.issued) + BigInt(random.pick([0, 1, -3_000, 1e10]));
  engine.call('grantFind', hex(row.t), row.kind, hex(grants.tableId), slot, at);
  return undefined;
}

function joined(fields) {
  return Buffer.concat(
    fields.flatMap(field => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(field.length);
      return [length, field];
    }),
  );
}

/** The module behind two functions that leave nothing in its memory. */
function openEngine(wasm) {
  const { exports } = instantiateSync(wasm);
  exports._initialize();
  const call = (name, ...args) => {
    const pinned = [];
    const passed = args.map(arg => {
      if (!(arg instanceof Uint8Array)) return arg;
      pinned.push(exports.__pin(exports.__newArray(exports.Uint8Array_ID.value, arg)));
      return pinned.at(-1);
    });
    const answer = exports[name](...passed);
    for (const pointer of pinned) exports.__unpin(pointer);
    exports.__collect();
    return answer;
  };
  return { call, bytes: name => exports.__getUint8Array(exports[name]()).slice() };
}

/** One line for the terminal. */
export function describeParserRun({ inputs, policies, good, images, loaded, findings }) {
  return `parsers: ${inputs} inputs, ${policies} policies (${good} good), ${images} images (${loaded} load), ${findings} findings`;
}
