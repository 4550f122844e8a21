import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { MAX_FORM_BYTES } from '../../host/http/form.ts';
import { FORM_LIFETIME_MS, PORTAL_COOKIE } from '../../host/portal/csrf.ts';
import { page } from '../../host/portal/page.ts';
import { TEXTS } from '../../host/portal/texts/choose.ts';
import { removeTempDirectories, tempDirectory } from '../support/temp.ts';

/** docs/portal.md: its configuration is valid, its block for Caddy is the example's, and what it quotes is said. */
const root = fileURLToPath(new URL('../../', import.meta.url));
const file = join(root, 'docs/portal.md');
const text = readFileSync(file, 'utf8');
const blocks = [...text.matchAll(/^```(\S+)(?: (\S+))?\n([\s\S]*?)^```$/gm)].map(
  ([, language = '', name = '', body = '']) => ({ language, name, body }),
);

afterAll(removeTempDirectories);

describe('docs/portal.md', () => {
  it('shows a valid configuration', () => {
    const [block] = blocks.filter(({ name }) => name === 'portal.yml');
    const home = tempDirectory();
    writeFileSync(join(home, 'portal.yml'), block?.body ?? '');
    copyFileSync(join(root, 'examples/users.yml'), join(home, 'users.yml'));
    const run = spawnSync(
      process.execPath,
      [join(root, 'dist/postern.mjs'), 'validate', '--config', 'portal.yml'],
      { cwd: home, encoding: 'utf8', env: { PATH: process.env.PATH } },
    );
    expect([run.status, run.stdout + run.stderr]).toEqual([0, expect.not.stringMatching(/error|warning/)]);
    expect(blocks.map(({ language }) => language)).toEqual(['yaml', 'caddy', 'text']);
  });

  it('has the site for Caddy that the example has', () => {
    const [block] = blocks.filter(({ language }) => language === 'caddy');
    const site = (caddyfile: string) =>
      /auth\.example\.com \{[\s\S]*?\n\}/.exec(caddyfile)?.[0].replace(/^\s*tls .*\n/m, '');
    const example = site(readFileSync(join(root, 'examples/caddy/Caddyfile'), 'utf8'));
    expect(example).toContain('reverse_proxy');
    expect(site(block?.body ?? '')).toBe(example);
  });

  it('quotes what the pages and the log say', () => {
    const { signIn, error, leave, denied, signedIn, signOut } = TEXTS.en;
    for (const said of [
      error.insecure.title,
      error.foreign.title,
      error.unavailable.title,
      leave.loopTitle,
    ]) {
      expect(text).toContain(`"${said}"`);
    }
    for (const title of [signIn.title, signedIn.title, denied.title, signOut.title]) {
      expect(text).toContain(`| ${title} |`);
    }
    expect(signIn.noCookie).toContain('Your browser did not keep the cookie');
    const log = readFileSync(join(root, 'host/portal/entrance.ts'), 'utf8').replaceAll('`', '');
    expect(log).toContain('the proxy in front of the portal must be in trusted_proxies');
    expect(readFileSync(join(root, 'host/http/router.ts'), 'utf8')).toContain(
      'this path decides nothing and was asked by a proxy',
    );
  });

  it('says what holds', () => {
    const reply = page({ texts: TEXTS.en, base: '', brand: 'x', title: 'x', body: '' });
    const policy = new Map(reply.headers).get('Content-Security-Policy');
    expect(text).toContain(`\`Content-Security-Policy: ${policy}\``);
    const onTheWay = page({ texts: TEXTS.en, base: '', brand: 'x', title: 'x', body: '', isOnTheWay: true });
    const more = new Map(onTheWay.headers).get('Content-Security-Policy')?.replace(/script-src [^;]*; /, '');
    expect(more).toBe(policy);
    expect(text).toContain("`script-src 'self'`");
    expect(text).toContain(PORTAL_COOKIE);
    expect(FORM_LIFETIME_MS).toBe(12 * 3_600_000);
    expect(MAX_FORM_BYTES).toBe(8 * 1_024);
  });

  it('links to what is there', () => {
    const links = [
      ...text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)|<(?:img|source) [^>]*src(?:set)?="([^"]+)"/g),
    ];
    expect(links.length).toBeGreaterThan(0);
    for (const [, link, picture] of links) {
      const target = join(dirname(file), link ?? picture ?? '');
      expect(existsSync(target), target).toBe(true);
    }
  });
});
