import { get } from './http-get.ts';
import type { Failed } from './observation.ts';
import { asText, asTree, type ClockOffset } from './traefik-view.ts';

/** What the host says about itself at `/health`. */
export interface HostView {
  readonly heartbeat: string;
  readonly users: string;
  readonly grants: string;
  /** The store it shares with other hosts; undefined without one. */
  readonly store?: {
    readonly status: string;
    readonly address: string;
    readonly reason: string;
    readonly hint: string;
  };
  readonly clock: ClockOffset | undefined;
}

/** Never throws. @param address origin, e.g. `http://127.0.0.1:9091` */
export async function observeHost(address: string): Promise<HostView | Failed> {
  try {
    const { status, body, clock } = await get(`${address}/health`);
    // A proxy that was told the wrong address would ask so, see createIsApplication.
    if (status === 403) {
      return {
        failed:
          "it tells nothing by a name that is an application's in a rule or in session.cookies (403): name its IP address with --host-address",
      };
    }
    const health = asTree(JSON.parse(body.toString('utf8')));
    const part = (name: string) => asText(asTree(health[name]).status);
    const [heartbeat, users, grants] = ['heartbeat', 'users', 'grants'].map(part);
    if (status !== 200 || heartbeat === undefined || users === undefined || grants === undefined) {
      return { failed: `what answers there (${status}) is not Postern's host` };
    }
    return { heartbeat, users, grants, ...storeOf(asTree(health.store)), clock };
  } catch (error) {
    return {
      failed: error instanceof SyntaxError ? "what answers there is not Postern's host" : reason(error),
    };
  }
}

function storeOf(store: Readonly<Record<string, unknown>>): Pick<HostView, 'store'> {
  const status = asText(store.status);
  if (status === undefined) return {};
  const part = (name: string) => asText(store[name]) ?? '';
  return { store: { status, address: part('address'), reason: part('reason'), hint: part('hint') } };
}

/** The system's name for what failed, else its words. */
export function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}
