import { afterAll, beforeAll, expect, it } from 'vitest';
import { removeTempDirectories } from '../support/temp.ts';
import { describeTraefik } from '../support/traefik.ts';
import { type Stack, startStack } from './stack.ts';

/** The rules of the service-account guide, and one rule for each criterion of this slice. */
const accessControl = {
  default_policy: 'deny',
  rules: [
    {
      domain: ['myapp.example.com'],
      policy: 'one_factor',
      resources: ['^/api/push([/?].*)?$'],
      subject: [['group:myapp', 'group:service']],
    },
    { domain: ['myapp.example.com'], policy: 'two_factor', resources: ['^/ui'], subject: ['group:myapp'] },
    { domain: 'public.example.com', policy: 'bypass' },
    { domain: 'lan.example.com', policy: 'one_factor', networks: ['127.0.0.0/8'] },
    { domain: 'far.example.com', policy: 'one_factor', networks: ['10.0.0.0/8', '2001:db8::/32'] },
    { domain: 'read.example.com', policy: 'one_factor', methods: ['GET', 'HEAD'] },
  ],
};

const users = {
  'my-service-account': {
    password: 'password',
    // The digest printed in the guide.
    digest: '$argon2id$v=19$m=65536,t=3,p=2$BpLnfgDsc2WD8F2q$o/vzA4myCqZZ36bUGsDY//8mKUYNZZaR0t4MFFSs+iM',
    displayname: 'My Service Account',
    groups: ['myapp', 'service'],
  },
  john: { password: 'johns-password', groups: ['myapp'], displayname: 'John Doe' },
  other: { password: 'others-password', groups: ['service'] },
  gone: { password: 'gones-password', groups: ['myapp', 'service'], disabled: true },
};

describeTraefik('service accounts in a real Traefik', binary => {
  let stack: Stack;

  beforeAll(async () => {
    stack = await startStack({
      binary: binary(),
      accessControl,
      users,
      domains: ['myapp', 'public', 'lan', 'far', 'read'].map(name => `${name}.example.com`),
    });
  }, 600_000);

  afterAll(async () => {
    await stack?.stop();
    removeTempDirectories();
  });

  const account = 'my-service-account:password';

  it('reaches /api/push, first by a hash, then decided in the guest', async () => {
    for (let i = 0; i < 5; i++) {
      const answer = await stack.ask('myapp.example.com', '/api/push/alive?status=up', { as: account });
      expect(answer.status).toBe(200);
      expect(answer.received).toMatchObject({
        'remote-user': 'my-service-account',
        'remote-groups': 'myapp,service',
        'remote-name': 'My Service Account',
        'remote-email': 'my-service-account@example.com',
      });
      expect(Object.keys(answer.received).filter(name => name.startsWith('postern'))).toEqual([]);
    }
    expect(await stack.metric('postern_password_verifications_total')).toBe(1);
  });

  it.each([['/'], ['/api/pushy'], ['/api'], ['/api/push/../admin']])('is forbidden %s', async path => {
    expect((await stack.ask('myapp.example.com', path, { as: account })).status).toBe(403);
  });

  it('needs both groups', async () => {
    for (const as of ['john:johns-password', 'other:others-password']) {
      expect((await stack.ask('myapp.example.com', '/api/push', { as })).status).toBe(403);
      expect((await stack.ask('myapp.example.com', '/api/push', { as })).status).toBe(403);
    }
  });

  it('does not take a password for two factors', async () => {
    for (let i = 0; i < 2; i++) {
      const answer = await stack.ask('myapp.example.com', '/ui', { as: 'john:johns-password' });
      expect(answer.status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toBe(
        'Basic realm="Authorization Required", charset="UTF-8"',
      );
    }
  });

  it.each([
    ['wrong password', 'my-service-account:passwort'],
    ['unknown user', 'nobody:password'],
    ['disabled user', 'gone:gones-password'],
    ['user name in another case', 'My-Service-Account:password'],
    ['right password with a blank behind', 'my-service-account:password '],
  ])('refuses: %s', async (_name, as) => {
    const answer = await stack.ask('myapp.example.com', '/api/push', { as });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toMatch(/^Basic realm=/);
  });

  it('challenges who says nothing, at once and without the host', async () => {
    const before = await stack.metric('postern_decisions_total');
    const answer = await stack.ask('myapp.example.com', '/api/push');
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toBe(
      'Basic realm="Authorization Required", charset="UTF-8"',
    );
    expect(await stack.metric('postern_decisions_total')).toBe(before);
  });

  it('lets everybody through a bypass rule, with empty identity', async () => {
    const answer = await stack.ask('public.example.com', '/anything', {
      headers: { 'remote-user': 'admin' },
    });
    expect(answer.status).toBe(200);
    expect(answer.received).toMatchObject({
      'remote-user': '',
      'remote-groups': '',
      'remote-name': '',
      'remote-email': '',
    });
  });

  it('goes by network', async () => {
    for (let i = 0; i < 2; i++) {
      expect((await stack.ask('lan.example.com', '/', { as: account })).status).toBe(200);
      expect((await stack.ask('far.example.com', '/', { as: account })).status).toBe(403);
    }
  });

  it('goes by method', async () => {
    for (let i = 0; i < 2; i++) {
      expect((await stack.ask('read.example.com', '/', { as: account })).status).toBe(200);
      expect(
        (await stack.ask('read.example.com', '/', { as: account, method: 'POST', body: 'x' })).status,
      ).toBe(403);
    }
  });
});
