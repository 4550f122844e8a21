// Makes the known-answer vectors of this directory: `node test/cases/grant/generate.mjs`
// writes them, `--check` compares. Offsets stand here as plain numbers and
// nothing of host/ is imported, so that the vectors check both implementations.
import { createCipheriv, createHash, createHmac, hkdfSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';

const hex = bytes => Buffer.from(bytes).toString('hex');
const fromHex = text => Buffer.from(text, 'hex');
const utf8 = text => Buffer.from(text, 'utf8');
const hmac = (key, ...parts) => createHmac('sha256', key).update(Buffer.concat(parts)).digest();
const seq = (first, count) => Buffer.from(Array.from({ length: count }, (_, i) => (first + i) & 0xff));

function u16(value) {
  const out = Buffer.alloc(2);
  out.writeUInt16LE(value);
  return out;
}
function u32(value) {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(value);
  return out;
}
function u64(value) {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(BigInt(value));
  return out;
}
const long32 = bytes => Buffer.concat([u32(bytes.length), bytes]);
const long16 = bytes => Buffer.concat([u16(bytes.length), bytes]);

// --- Keys -----------------------------------------------------------------

const derive = (key, label) =>
  Buffer.from(
    hkdfSync('sha256', key, '', Buffer.concat([long32(utf8('postern/1')), long32(utf8(label))]), 32),
  );
const text = (prefix, key) => {
  const sum = createHash('sha256').update(utf8(prefix)).update(key).digest().subarray(0, 4);
  return prefix + Buffer.concat([key, sum]).toString('base64url');
};

const root = seq(0x00, 32);
const guest = derive(root, 'guest');
const otherGuest = derive(seq(0x80, 32), 'guest');
const labels = ['index', 'record', 'user', 'state', 'snapshot', 'request', 'verdict'];
const key = Object.fromEntries(labels.map(label => [label, derive(guest, label)]));

const keys = {
  root: hex(root),
  rootText: text('postern_secret_', root),
  guest: hex(guest),
  guestText: text('postern_guest_', guest),
  otherGuest: hex(otherGuest),
  derived: Object.fromEntries(labels.map(label => [label, hex(key[label])])),
  verdictTag: hex(key.verdict.subarray(0, 16)),
};

// --- Tags -----------------------------------------------------------------

/** A cookie's value: 48 bytes in base64url. */
const SESSION = seq(0x70, 48).toString('base64url');

const tagOf = (kind, scope, credential) =>
  hmac(key.index, Buffer.from([1, kind]), long32(utf8(scope)), long32(utf8(credential)));
const tag = (name, kind, scope, credential) => ({
  name,
  kind,
  scope,
  credential,
  t: hex(tagOf(kind, scope, credential)),
});
const tags = [
  tag('basic', 1, '', 'alice:password-alice'),
  tag('colons and UTF-8 in the password', 1, '', 'carol:p:ass:wörd-carol'),
  tag('case is kept', 1, '', 'Alice:password-alice'),
  tag('another kind is another tag', 2, '', 'alice:password-alice'),
  tag('scope and credential do not run together: left', 1, 'a', 'lice:password-alice'),
  tag('a scope', 2, 'example.com', '0123456789abcdef'),
  tag('a session', 3, 'example.com', SESSION),
  tag('a session of another domain', 3, 'example.org', SESSION),
  tag("a session's text as a token", 2, '', SESSION),
  tag('nothing', 1, '', ''),
  tag('longest user name and password', 1, '', `${'u'.repeat(255)}:${'p'.repeat(1024)}`),
];

// --- Records --------------------------------------------------------------

const tableId = seq(0xa0, 16);
const issued = 1_760_000_000_000;
const lifetime = 3_600_000;

function claimsOf(claims) {
  const fields = [claims.username, claims.displayName, claims.email, claims.authorization];
  return Buffer.concat([
    ...fields.map(field => long16(utf8(field))),
    u16(claims.groups.length),
    ...claims.groups.map(group => long16(utf8(group))),
  ]);
}

/** First 32 bytes of ChaCha20(k_record, counter 0, nonce T[16..28)). */
function recordKey(t) {
  const iv = Buffer.concat([u32(0), t.subarray(16, 28)]);
  return createCipheriv('chacha20', key.record, iv).update(Buffer.alloc(32));
}

function seal({ t, epoch, kind, level, refresh = 0, issued, expiry, nonce, claims, table = tableId, sealKey }) {
  const plain = claimsOf(claims);
  const clear = Buffer.concat([
    t.subarray(0, 16),
    hmac(key.user, utf8(claims.username)).subarray(0, 16),
    epoch,
    Buffer.from([kind, level]),
    u16(plain.length + 16),
    u32(refresh),
    u64(issued),
    u64(expiry),
  ]);
  const cipher = createCipheriv('chacha20-poly1305', sealKey ?? recordKey(t), nonce, { authTagLength: 16 });
  cipher.setAAD(Buffer.concat([u32(1), table, clear]), { plaintextLength: plain.length });
  const body = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([clear, nonce, body, cipher.getAuthTag()]);
}

const alice = {
  username: 'alice',
  displayName: 'Alice Adams',
  email: 'alice@example.com',
  authorization: '',
  groups: ['admins', 'dev'],
};
const carol = {
  username: 'carol',
  displayName: 'Carol Çelik',
  email: 'carol@example.com',
  authorization: '',
  groups: [],
};
const service = {
  username: 'svc-push',
  displayName: '',
  email: '',
  authorization: 'Basic c3ZjLXB1c2g6ZGVyaXZlZA==',
  groups: ['', 'writers', 'ü', 'g'.repeat(300)],
};

function record(name, kind, credential, claims, { scope = '', ...over } = {}) {
  const t = tagOf(kind, scope, credential);
  const parts = {
    t,
    epoch: seq(0x40, 16),
    kind,
    level: 1,
    refresh: 0,
    issued,
    expiry: issued + lifetime,
    nonce: seq(0xc0, 12),
    claims,
    ...over,
  };
  return {
    name,
    kind,
    scope,
    credential,
    t: hex(t),
    userTag: hex(hmac(key.user, utf8(claims.username)).subarray(0, 16)),
    epoch: hex(parts.epoch),
    level: parts.level,
    refresh: parts.refresh,
    issued: parts.issued,
    expiry: parts.expiry,
    nonce: hex(parts.nonce),
    claims,
    claimsBytes: hex(claimsOf(claims)),
    recordKey: hex(recordKey(t)),
    record: hex(seal(parts)),
  };
}

const good = [
  record('two groups', 1, 'alice:password-alice', alice),
  record('no groups, UTF-8', 1, 'carol:p:ass:wörd-carol', carol, { nonce: seq(0x10, 12), epoch: seq(0x90, 16) }),
  record('backend authorization, empty and long groups', 1, 'svc-push:s3cret', service, { nonce: seq(0x20, 12) }),
  record('longest lifetime', 1, 'alice:password-alice', alice, { expiry: issued + 86_400_000 }),
  record('two factors', 1, 'alice:password-alice', alice, { level: 2 }),
  record('another kind', 2, 'alice:password-alice', alice),
  record('a session that wants to be refreshed', 3, SESSION, alice, { scope: 'example.com', level: 2, refresh: 75_000 }),
  record('the longest time before a refresh', 3, SESSION, carol, { scope: 'example.com', refresh: 0xffff_ffff }),
];

/** Every one of these is a miss for the credential `alice:password-alice`, kind 1, at the time `now`. */
const base = fromHex(good[0].record);
const now = issued + 1_000;
const t0 = fromHex(good[0].t);
const miss = (name, bytes, at = now) => ({ name, now: at, record: hex(bytes) });
const flipped = offset => {
  const bytes = Buffer.from(base);
  bytes[offset] ^= 1;
  return bytes;
};
const stored = over => {
  const bytes = Buffer.from(base);
  over(bytes);
  return bytes;
};
const resealed = over =>
  seal({ t: t0, epoch: seq(0x40, 16), kind: 1, level: 1, issued, expiry: issued + lifetime, nonce: seq(0xc0, 12), claims: alice, ...over });
const misses = [
  miss('empty slot', Buffer.alloc(base.length)),
  miss('tag: first byte', flipped(0)),
  miss('tag: last byte', flipped(15)),
  miss('user tag', flipped(16)),
  miss('epoch', flipped(32)),
  miss('kind', flipped(48)),
  miss('level', flipped(49)),
  miss('sealed length', flipped(50)),
  miss('sealed length beyond any slot', stored(b => b.writeUInt16LE(0xffff, 50))),
  miss('sealed length shorter than a tag', stored(b => b.writeUInt16LE(15, 50))),
  miss('refresh', flipped(52)),
  miss('issued', flipped(56)),
  miss('expiry', flipped(64)),
  miss('nonce', flipped(72)),
  miss('ciphertext: first byte', flipped(84)),
  miss('authentication tag: last byte', flipped(base.length - 1)),
  miss('expired in this millisecond', base, issued + lifetime),
  miss('expired', base, issued + lifetime + 1),
  miss('issued more than 2 s ahead', base, issued - 2_001),
  miss('living longer than 24 h', resealed({ expiry: issued + 86_400_001 })),
  miss('expiry before issue', resealed({ expiry: issued - 1 }), issued - 2),
  miss('level 0', resealed({ level: 0 })),
  miss('unknown level', resealed({ level: 3 })),
  miss('another kind under the same tag', resealed({ kind: 2 })),
  miss('of another table', resealed({ table: seq(0xb0, 16) })),
  miss('sealed by the guest key alone', resealed({ sealKey: key.record })),
  miss("another credential's record under this tag", stored(b => fromHex(good[1].record).copy(b, 16, 16))),
];

const grants = { tableId: hex(tableId), good, now, misses };

// --- State page -----------------------------------------------------------

function page(fields, stateKey = key.state) {
  const out = Buffer.alloc(128);
  out.writeUInt32LE(0x31545350, 0);
  out.writeUInt32LE(fields.version ?? 1, 4);
  fromHex(fields.bootId).copy(out, 8);
  out.writeBigUInt64LE(BigInt(fields.wallTime), 24);
  out.writeBigUInt64LE(BigInt(fields.sequence), 32);
  out.writeBigUInt64LE(BigInt(fields.notBefore), 40);
  out.writeBigUInt64LE(BigInt(fields.storeContact), 48);
  fromHex(fields.tableId).copy(out, 56);
  fromHex(fields.snapshotId).copy(out, 72);
  out.writeUInt32LE(fields.slotSize, 88);
  out.writeUInt32LE(fields.slotCount, 92);
  out.writeUInt32LE(fields.stopped ? 1 : 0, 96);
  out.writeUInt32LE(fields.offlineGraceSeconds, 100);
  hmac(stateKey, out.subarray(0, 112)).copy(out, 112, 0, 16);
  return out;
}
const running = {
  bootId: hex(seq(0x50, 16)),
  wallTime: issued,
  sequence: 7,
  notBefore: 0,
  storeContact: issued,
  tableId: hex(tableId),
  snapshotId: hex(seq(0x60, 16)),
  slotSize: 1024,
  slotCount: 16384,
  stopped: false,
  offlineGraceSeconds: 900,
};
const stopped = { ...running, stopped: true, notBefore: issued - 1, storeContact: issued - 60_000 };
const statePage = page(running);
const state = {
  good: [
    { name: 'running', fields: running, page: hex(statePage) },
    { name: 'stopped', fields: stopped, page: hex(page(stopped)) },
  ],
  bad: [
    { name: 'empty', page: '' },
    { name: 'one byte short', page: hex(statePage.subarray(0, 127)) },
    { name: 'one byte long', page: hex(Buffer.concat([statePage, Buffer.alloc(1)])) },
    { name: 'zeros', page: hex(Buffer.alloc(128)) },
    ...[0, 4, 8, 24, 56, 72, 88, 96, 100, 104, 112, 127].map(offset => {
      const bytes = Buffer.from(statePage);
      bytes[offset] ^= 1;
      return { name: `byte ${offset} changed`, page: hex(bytes) };
    }),
    { name: "another guest key's", page: hex(page(running, derive(otherGuest, 'state'))) },
    { name: 'another format version, good MAC', page: hex(page({ ...running, version: 2 })) },
  ],
};

// --- Snapshot -------------------------------------------------------------

/** ChaCha20-Poly1305 of nothing, with `bytes` as additional data; the nonce says which part they are. */
function partTag(partKey, part, bytes) {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32LE(part);
  const cipher = createCipheriv('chacha20-poly1305', partKey, nonce, { authTagLength: 16 });
  cipher.setAAD(bytes, { plaintextLength: 0 });
  cipher.final();
  return cipher.getAuthTag();
}
function snapshotOf(id, image, snapshotKey = key.snapshot) {
  const partKey = hmac(snapshotKey, id);
  const header = Buffer.alloc(32);
  header.writeUInt32LE(0x32505350, 0);
  header.writeUInt32LE(5, 4);
  id.copy(header, 8);
  header.writeUInt32LE(image.length, 24);
  const parts = [header, partTag(partKey, 0xffffffff, header)];
  for (let unit = 0; unit * 1024 < image.length; unit++) {
    const bytes = Buffer.alloc(1024);
    image.copy(bytes, 0, unit * 1024);
    parts.push(bytes, partTag(partKey, unit, bytes));
  }
  return Buffer.concat(parts);
}
const snapshotId = seq(0x60, 16);
const image = utf8('not a real image, 33 bytes long..');
const longImage = Buffer.concat(Array.from({ length: 70 }, () => image));
const snapshots = {
  good: [
    { name: 'image', id: hex(snapshotId), image: hex(image), file: hex(snapshotOf(snapshotId, image)) },
    {
      name: 'three units',
      id: hex(snapshotId),
      image: hex(longImage),
      file: hex(snapshotOf(snapshotId, longImage)),
    },
    { name: 'empty image', id: hex(snapshotId), image: '', file: hex(snapshotOf(snapshotId, Buffer.alloc(0))) },
  ],
  bad: [
    { name: "another guest key's", file: hex(snapshotOf(snapshotId, image, derive(otherGuest, 'snapshot'))) },
    { name: 'cut', file: hex(snapshotOf(snapshotId, image).subarray(0, -1)) },
  ],
};

// --- Postern-Request ------------------------------------------------------

function requestBytes(fields, requestKey = key.request) {
  const body = Buffer.concat([
    u64(fields.time),
    ...[fields.method, fields.scheme, fields.host, fields.uri, fields.client].map(field => long32(utf8(field))),
    long32(fromHex(fields.policyId)),
  ]);
  return Buffer.concat([body, hmac(requestKey, body)]);
}
const plain = {
  time: issued,
  method: 'GET',
  scheme: 'https',
  host: 'app.example.com',
  uri: '/admin?x=1&y=%2F',
  client: '203.0.113.9',
  policyId: '',
};
const inline = { ...plain, method: 'POST', scheme: 'wss', client: '', policyId: hex(seq(0xe0, 32)) };
const longest = { ...plain, uri: `/${'a'.repeat(8191)}`, host: `${'h'.repeat(255)}:65535` };
const value = bytes => Buffer.from(bytes).toString('base64url');
const signed = body => value(Buffer.concat([body, hmac(key.request, body)]));
const plainBytes = requestBytes(plain);
const plainBody = plainBytes.subarray(0, -32);
const requests = {
  good: [
    { name: 'plain', fields: plain, value: value(plainBytes) },
    { name: 'unknown client, inline policy', fields: inline, value: value(requestBytes(inline)) },
    { name: 'longest URI and host', fields: longest, value: value(requestBytes(longest)) },
  ],
  /** Refused whatever the time; `reason` as the host's log and metric say it. */
  bad: [
    { name: 'empty', reason: 'malformed', value: '' },
    { name: 'not base64url', reason: 'malformed', value: '!!!!' },
    { name: 'standard base64 padding', reason: 'malformed', value: plainBytes.toString('base64') },
    { name: 'a space behind', reason: 'malformed', value: `${value(plainBytes)} ` },
    { name: 'only a MAC', reason: 'malformed', value: value(plainBytes.subarray(-32)) },
    { name: 'cut', reason: 'mac', value: value(plainBytes.subarray(0, -1)) },
    { name: 'trailing byte behind the MAC', reason: 'mac', value: value(Buffer.concat([plainBytes, Buffer.alloc(1)])) },
    { name: 'MAC changed', reason: 'mac', value: value(Buffer.concat([plainBytes.subarray(0, -1), Buffer.from([plainBytes.at(-1) ^ 1])])) },
    { name: 'time changed', reason: 'mac', value: value(Buffer.concat([Buffer.from([plainBytes[0] ^ 1]), plainBytes.subarray(1)])) },
    { name: "another guest key's", reason: 'mac', value: value(requestBytes(plain, derive(otherGuest, 'request'))) },
    { name: 'signed by the wrong label', reason: 'mac', value: value(requestBytes(plain, key.state)) },
    { name: 'signed, trailing byte', reason: 'malformed', value: signed(Buffer.concat([plainBody, Buffer.alloc(1)])) },
    { name: 'signed, a field missing', reason: 'malformed', value: signed(plainBody.subarray(0, -4)) },
    { name: 'signed, length beyond the end', reason: 'malformed', value: signed(Buffer.concat([plainBody.subarray(0, -4), u32(0xffffffff)])) },
    { name: 'signed, policy id of 31 bytes', reason: 'malformed', value: signed(Buffer.concat([plainBody.subarray(0, -4), long32(Buffer.alloc(31))])) },
  ],
};

// --- Output ---------------------------------------------------------------

const check = process.argv.includes('--check');
for (const [name, content] of Object.entries({ keys, tags, grants, state, snapshots, requests })) {
  const url = new URL(`./${name}.json`, import.meta.url);
  const json = `${JSON.stringify(content, null, 2)}\n`;
  if (!check) writeFileSync(url, json);
  else if (readFileSync(url, 'utf8') !== json) throw new Error(`${name}.json differs from what generate.mjs makes`);
}
