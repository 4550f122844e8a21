import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Browser, describeBrowser, openBrowser, openContext } from '../../support/browser.ts';
import { describePostgres, type PostgresServer, startPostgres } from '../../support/postgres.ts';
import { describeRedis, type RedisServer, startRedis } from '../../support/redis.ts';
import { removeTempDirectories } from '../../support/temp.ts';
import { describeTraefik } from '../../support/traefik.ts';
import { waitUntil } from '../../support/wait.ts';
import { PORTAL } from './home.ts';
import { type Household, startHousehold } from './household.ts';
import { leavesPortal, signIn } from './person.ts';

const WIKI = 'https://wiki.example.com/page';
const PHOTOS = 'https://photos.example.com/album';

/** Two machines, each a Traefik with the guest and a host, share PostgreSQL and Redis; a browser for each. */
describeTraefik('two hosts and two browsers', traefik => {
  describePostgres('with PostgreSQL', binaries => {
    describeRedis('and Redis', redisBinary => {
      describeBrowser('in Chromium', chromium => {
        let postgres: PostgresServer;
        let redis: RedisServer;
        let nodes: Household[] = [];
        let browsers: Browser[] = [];
        beforeAll(async () => {
          postgres = await startPostgres(binaries);
          redis = await startRedis({ binary: redisBinary });
          const config = {
            storage: {
              postgres: {
                address: `tcp://127.0.0.1:${postgres.port}`,
                database: postgres.createDatabase(),
                username: 'postern',
                password: postgres.password,
              },
              local: undefined,
            },
            cache: { type: 'redis', redis: { host: '127.0.0.1', port: redis.port } },
          };
          const first = await startHousehold({ traefik: traefik(), config });
          nodes = [first, await startHousehold({ traefik: traefik(), config, shared: first.home })];
          browsers = await Promise.all(nodes.map(({ port }) => openBrowser(chromium, { port })));
        });
        afterAll(async () => {
          for (const browser of browsers) await browser.close();
          for (const node of nodes) await node.stop();
          await redis?.stop();
          await postgres?.stop();
          removeTempDirectories();
        });
        const at = (i: 0 | 1): { house: Household; browser: Browser } => {
          const [house, browser] = [nodes[i], browsers[i]];
          if (house === undefined || browser === undefined) throw new Error('not started');
          return { house, browser };
        };

        it('know each other’s sessions, also after both were stopped and started, and end them together', async () => {
          const context = await openContext(at(0).browser);
          const page = await context.newPage();
          await page.goto(WIKI);
          await signIn(page, 'user', { remember: true });
          expect(await leavesPortal(page)).toBe(WIKI);

          // The same person's cookies, by the other machine.
          const state = await context.storageState();
          const moved = await at(1).browser.newContext({ storageState: state, ignoreHTTPSErrors: true });
          const other = await moved.newPage();
          await other.goto(PHOTOS);
          expect(other.url()).toBe(PHOTOS);
          expect(await other.locator('#user').textContent()).toBe('user');

          for (const { home } of nodes) await home.stopHost();
          for (const { home } of nodes) await home.startHost();
          for (const [tab, address] of [
            [page, PHOTOS],
            [other, WIKI],
          ] as const) {
            // Until the guest has seen that its host is back, what it has to ask for is 503.
            await waitUntil('the host to be back', async () => {
              await tab.goto(address);
              return (await tab.locator('#user').allTextContents())[0] === 'user';
            });
            expect(tab.url()).toBe(address);
          }

          // Somebody else, at the second machine, is not concerned.
          const someone = await (await openContext(at(1).browser)).newPage();
          await someone.goto(WIKI);
          await signIn(someone, 'guest');
          await leavesPortal(someone);

          await page.goto(`${PORTAL}/logout`);
          await page.locator('#sign-out button').click();
          await page.waitForURL(/done=/);
          await waitUntil(
            'the other machine to know that the session ended',
            async () => (await other.goto(PHOTOS)) !== null && other.url().startsWith(PORTAL),
          );
          await someone.goto(PHOTOS);
          expect(someone.url()).toBe(PHOTOS);
        });

        it('share what happens on the way: the form of one is taken by the other', async () => {
          const context = await openContext(at(0).browser);
          const page = await context.newPage();
          await page.goto(WIKI);
          const { cookies } = await context.storageState();
          const address = page.url();
          const fields = await page
            .locator('form')
            .first()
            .evaluate(form => {
              const all = (form as unknown as { elements: Iterable<{ name: string; value: string }> })
                .elements;
              return [...all].map(({ name, value }) => [name, value] as const);
            });
          const moved = await at(1).browser.newContext({
            storageState: { cookies, origins: [] },
            ignoreHTTPSErrors: true,
          });
          const other = await moved.newPage();
          await other.goto(address);
          for (const [name, value] of fields.filter(([name]) => name !== ''))
            await other
              .locator(`[name="${name}"]`)
              .first()
              .evaluate((field, text) => {
                (field as unknown as { value: string }).value = text;
              }, value);
          await signIn(other, 'user');
          expect(await leavesPortal(other)).toBe(WIKI);
        });

        it('a flushed Redis ends every session', async () => {
          const page = await (await openContext(at(0).browser)).newPage();
          await page.goto(WIKI);
          await signIn(page, 'user');
          await leavesPortal(page);
          await new Promise(resolve => setTimeout(resolve, 50));
          redis.cli('flushdb');
          await waitUntil(
            'the session to end',
            async () => (await page.goto(WIKI)) !== null && page.url().startsWith(PORTAL),
          );
          await signIn(page, 'user');
          expect(await leavesPortal(page)).toBe(WIKI);
        });
      });
    });
  });
});
