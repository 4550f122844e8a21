import type { Handler } from '../http/router.ts';
import type { Metrics } from '../metrics/metrics.ts';

export const METRICS_PATH = '/metrics';

export function createMetricsRoute(metrics: Metrics): Handler {
  return async () => ({ status: 200, headers: [], type: metrics.contentType, body: await metrics.text() });
}
