/** Serves metrics at the configured address, if there is one. */
import { formatHostPort, type HostPort } from '@shoal/oci/host-port';
import { errorFields } from '@shoal/snapshotter';
import type { Log } from '../log/log.ts';
import type { Scraped } from './metric-set.ts';
import { MetricsServer } from './metrics-server.ts';

/** An address that is taken keeps no mount from being served: the log says it. */
export async function serveMetrics(
  metrics: Scraped,
  address: HostPort | undefined,
  log: Log,
): Promise<AsyncDisposable | undefined> {
  if (address === undefined) return undefined;
  try {
    const server = await MetricsServer.listen(address, metrics, (error) =>
      log.error({ event: 'metrics-failed', err: error }, 'metrics were not written'),
    );
    const at = formatHostPort({ ...address, port: server.port });
    log.info({ event: 'metrics-served', address: at }, 'metrics are served');
    return server;
  } catch (error) {
    log.error({ event: 'metrics-not-served', ...errorFields(error) }, 'metrics are not served');
    return undefined;
  }
}
