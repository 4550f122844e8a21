import { renameSync, writeFileSync } from 'node:fs';
import { hash } from '@node-rs/argon2';
import { afterAll, describe, expect, it } from 'vitest';
import { startService } from '../support/service.ts';
import { removeTempDirectories } from '../support/temp.ts';
import { waitUntil } from '../support/wait.ts';

afterAll(removeTempDirectories);

describe('postern serve', () => {
  it('logs what the lint says about the rules when it reads them, and says it once', async () => {
    const digest = await hash('pw', { memoryCost: 64, timeCost: 1, parallelism: 1 });
    const service = await startService(
      `users:\n  alice:\n    password: '${digest}'\n    email: 'a@example.com'\n`,
    );
    try {
      const count = (text: string) => service.child.stderr.split(text).length - 1;
      const write = (rules: readonly object[], realm: string) => {
        const config = { ...service.config, realm, access_control: { rules } };
        writeFileSync(`${service.configFile}.new`, JSON.stringify(config));
        renameSync(`${service.configFile}.new`, service.configFile);
      };
      const READ = 'configuration read: it is in force';
      const SWALLOWED = [
        { domain: '*.example.com', policy: 'one_factor' },
        { domain: 'app.example.com', policy: 'two_factor' },
      ];
      expect(service.child.stderr).not.toContain('rule #');
      write(SWALLOWED, 'one');
      await waitUntil('the first reading', () => count(READ) === 1);
      expect(count('so rule #2 never sees it: move rule #2 above rule #1')).toBe(1);
      write(SWALLOWED, 'two');
      await waitUntil('the second reading', () => count(READ) === 2);
      expect(count('so rule #2 never sees it')).toBe(1);
      write([...SWALLOWED, { domain: 'b.test', policy: 'bypass', resources: ['^/health'] }], 'three');
      await waitUntil('the third reading', () => count(READ) === 3);
      expect([count('so rule #2 never sees it'), count('everybody also gets `/health-admin`')]).toEqual([
        1, 1,
      ]);
    } finally {
      await service.stop();
    }
  });
});
