import { checkChildren } from './checks/children.ts';
import { checkCleaning } from './checks/cleaning.ts';
import { checkClock } from './checks/clock.ts';
import { checkElasticsearch } from './checks/elasticsearch.ts';
import { checkEntryPoints } from './checks/entry-points.ts';
import { checkForwardAuth } from './checks/forward-auth.ts';
import { checkGuards } from './checks/guards.ts';
import { checkGuestDirectory } from './checks/guest-directory.ts';
import { checkHeaderAliases } from './checks/header-aliases.ts';
import { checkHost } from './checks/host.ts';
import { checkInlinePolicy } from './checks/inline-policy.ts';
import { checkKeyFile } from './checks/key-file.ts';
import { checkOtherRouters } from './checks/other-routers.ts';
import { checkPeople } from './checks/people.ts';
import { checkPlugin } from './checks/plugin.ts';
import { checkPluginConfig } from './checks/plugin-config.ts';
import { checkPortal } from './checks/portal.ts';
import { checkProbe } from './checks/probe.ts';
import { checkStatePage } from './checks/state-page.ts';
import { checkStaticConfig } from './checks/static-config.ts';
import { checkTraefikVersion } from './checks/traefik-version.ts';
import type { Finding } from './finding.ts';
import type { Check, Observation } from './observation.ts';

/** Every check, in the order of a request's way: Traefik, plugin, routers, host, what they share. */
const CHECKS: readonly Check[] = [
  checkTraefikVersion,
  checkStaticConfig,
  checkEntryPoints,
  checkHeaderAliases,
  checkPlugin,
  checkPluginConfig,
  checkInlinePolicy,
  checkGuards,
  checkChildren,
  checkCleaning,
  checkOtherRouters,
  checkForwardAuth,
  checkPortal,
  checkHost,
  checkGuestDirectory,
  checkStatePage,
  checkKeyFile,
  checkClock,
  checkElasticsearch,
  checkPeople,
  checkProbe,
];

export function examine(seen: Observation): Finding[] {
  return CHECKS.flatMap(check => check(seen));
}
