// A host that writes as fast as it can until it is killed: node FILE DIRECTORY IMAGE.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { KIND_BASIC } from '../../assembly/contract.ts';
import { Issuer, NO_SCOPE } from '../../host/grant/issuer.ts';
import { basicCredential, deriveGrantKeys, userTag } from '../../host/grant/keys.ts';
import { deriveGuestKey, deriveKey } from '../../host/secret/derive.ts';
import { Publisher } from '../../host/snapshot/publisher.ts';
import { FakeClock, FakeDirectory, fakeLogger } from './host-fakes.ts';

const [, , directory = '', imageFile = ''] = process.argv;
const image = readFileSync(imageFile);
const guestKey = deriveGuestKey(Buffer.alloc(32, 7));
const keys = deriveGrantKeys(guestKey);
const [clock, log, users] = [new FakeClock(), fakeLogger(), new FakeDirectory()];
for (let i = 0; i < 20; i++) users.put(`u${i}`, `password-u${i}`);
const publisher = new Publisher({
  directory,
  keys: { state: deriveKey(guestKey, 'state'), snapshot: deriveKey(guestKey, 'snapshot') },
  geometry: { slotSize: 1_024, slots: 64 },
  offlineGraceSeconds: 900,
  clock,
  random: randomBytes,
  log,
  mayWrite: () => true,
});
publisher.open(image, () => true);
publisher.start();
const issuer = new Issuer({
  keys,
  directory: users,
  tables: publisher,
  clock,
  random: randomBytes,
  log,
  onResult: () => {},
  lifetimeSeconds: 3_600,
  slotSize: 1_024,
});
process.stdout.write('ready\n');
for (let i = 0; ; i++) {
  const username = `u${i % 20}`;
  const epoch = users.find(username)?.epoch ?? new Uint8Array(16);
  const credential = basicCredential(username, `password-${username}`);
  issuer.issue({ username, epoch, kind: KIND_BASIC, level: 1, scope: NO_SCOPE, credential });
  if (i % 7 === 0) publisher.revoke([userTag(keys, `u${(i * 3) % 20}`)]);
  if (i % 50 === 0) publisher.publishPolicy(image);
}
