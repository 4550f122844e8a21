import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { traefikSetup } from '../../../host/cli/traefik-setup.ts';
import { deriveGuestKey } from '../../../host/secret/derive.ts';
import { formatGuestKey, parseSecret } from '../../../host/secret/secret.ts';
import { selfSigned } from '../../support/certificate.ts';
import { merge, startTraefik, type Traefik, type Tree } from '../../support/traefik.ts';
import { type Home, type HomeOptions, PORTAL, startHome } from './home.ts';
import { SERVICES } from './services.ts';

export interface HouseholdOptions extends HomeOptions {
  /** Path of a Traefik. */
  readonly traefik: string;
  /** More domains that lead to the services, and more names for the certificate. */
  readonly domains?: readonly string[];
  readonly names?: readonly string[];
  /** Default PORTAL alone. */
  readonly portals?: readonly string[];
  /** Domains that are handed their sessions. */
  readonly handoffs?: readonly string[];
}

/** One machine of the seed: a home behind a real Traefik with the plugin and TLS. */
export interface Household {
  readonly home: Home;
  /** Traefik's port with TLS. */
  readonly port: number;
  readonly traefik: Traefik;
  /** As Traefik's plugin is given it. */
  readonly keyFile: string;
  stop(): Promise<void>;
}

export async function startHousehold(options: HouseholdOptions): Promise<Household> {
  const home = await startHome(options);
  const secret = parseSecret(home.secret);
  if (!secret.ok) throw new Error(secret.problem.message);
  const guestKey = deriveGuestKey(secret.key);
  const keyDirectory = join(home.directory, 'key');
  mkdirSync(keyDirectory, { mode: 0o750 });
  const keyFile = join(keyDirectory, 'guest.key');
  writeFileSync(keyFile, formatGuestKey(guestKey), { mode: 0o640 });
  const setup = traefikSetup({
    domains: [...SERVICES.map(name => `${name}.example.com`), ...(options.domains ?? [])].map(domain => ({
      domain,
      service: home.services.url,
    })),
    guestKey,
    hostAddress: home.hostUrl,
    directory: home.guestDirectory,
    keyFile,
    entryPoints: { web: '' },
    portals: options.portals ?? [PORTAL],
    handoffs: options.handoffs ?? [],
  });
  const { certificate, key } = selfSigned(['example.com', '*.example.com', ...(options.names ?? [])]);
  const traefik = await startTraefik({
    binary: options.traefik,
    plugins: { postern: { mounts: setup.static.experimental.localPlugins.postern.settings.mounts } },
    dynamic: merge(JSON.parse(JSON.stringify(setup.dynamic)) as Tree, {
      tls: { certificates: [{ certFile: certificate, keyFile: key }] },
    }),
  });
  return {
    home,
    port: traefik.port,
    traefik,
    keyFile,
    async stop() {
      await traefik.stop();
      await home.stop();
    },
  };
}
