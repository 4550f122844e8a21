import type { SecondFactorDeps } from './second-factor-access.ts';
import { createCodePage, createRecoveryPage } from './second-factor-code.ts';
import { createDevicesPage } from './second-factor-devices.ts';
import { createRegisterPage } from './second-factor-register.ts';
import type { PortalRoute } from './visit.ts';

/** Everything below `/second-factor`. */
export function createSecondFactorRoutes(deps: SecondFactorDeps): PortalRoute[] {
  return [createCodePage(deps), createRecoveryPage(deps), createRegisterPage(deps), createDevicesPage(deps)];
}
