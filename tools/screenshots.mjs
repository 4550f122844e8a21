// `npm run screenshots`: pictures of each page of the portal, in light and dark, into docs/images,
// from the real thing: Traefik with the plugin, the host, and Chromium. `--out FOLDER` writes elsewhere.
import { fileURLToPath } from 'node:url';
import { runBundled } from './run-bundled.mjs';

const entry = fileURLToPath(new URL('../test/e2e/browser/screenshots.ts', import.meta.url));
await runBundled(entry, 'screenshots', process.argv.slice(2));
