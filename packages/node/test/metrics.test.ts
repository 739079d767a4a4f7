/** Metrics: what is told is in the text, labels stay few, the TCP address serves nothing else. */
import type { ProxyEvent } from '@shoal/registry-proxy';
import t from 'tap';
import { openLog } from '../src/log/log.ts';
import { METRIC } from '../src/metrics/metric-definitions.ts';
import { Metrics } from '../src/metrics/metrics.ts';
import { MetricsServer } from '../src/metrics/metrics-server.ts';
import { serveMetrics } from '../src/metrics/serve-metrics.ts';

const DRIVER_STATS = {
  ...{ reads: 5, readyReads: 3, missReads: 2, failedReads: 0 },
  ...{ bytesRead: 1000, waiting: 1 },
};
const MISS = { at: 0, offset: 0, length: 300, waitMs: 20, source: 'registry' };

const MIRRORED: ProxyEvent = {
  ...{ method: 'GET', upstream: 'registry.example.org', name: 'a', reference: '1', status: 200 },
  kind: 'manifests',
  origin: 'peer',
  ...{ bytes: 10, bytesBy: { local: 2, peer: 5, origin: 3 }, isStale: true, durationMs: 1 },
  ...{ errorCode: undefined, error: undefined },
};

function quietLog() {
  const log = openLog('error');
  log.level = 'silent';
  return log;
}

t.test('every metric is in a scrape, with what was told', async (t) => {
  const metrics = new Metrics();
  metrics.watch({
    mounts: () => new Map([['blobfs', 7]]),
    drivers: () => new Map([['blobfs', DRIVER_STATS]]),
    cacheBytes: () => 4096,
    cacheLimitBytes: () => 8192,
    images: () => ({ lazy: 2, ordinary: 1 }),
  });
  metrics.requestFinished({ operation: 'Prepare', code: 'ALREADY_EXISTS', seconds: 0.02 });
  metrics.fetched('registry', 'demand', 100);
  metrics.fetched('registry.example.org/secret/image', 'readahead', 50);
  metrics.missed(MISS);
  metrics.missed({ ...MISS, isFailed: true });
  metrics.stalled();
  metrics.cacheEvent({ kind: 'evicted', message: '', bytes: 12 });
  metrics.cacheEvent({ kind: 'adopted', message: '' });
  metrics.credentialsRenewed('failed');
  metrics.requestMirrored(MIRRORED);
  metrics.requestMirrored({ ...MIRRORED, status: 502, errorCode: 'ERR_X', isStale: false });
  metrics.blockArrived({ distance: 'zone', seconds: 0.02 });
  await metrics.text();
  const text = await metrics.text();
  for (const { name, kind } of Object.values(METRIC)) {
    t.ok(text.includes(`# TYPE ${name} ${kind}`), name);
  }
  for (const line of [
    'shoal_snapshots_request_duration_seconds_count{operation="Prepare",code="ALREADY_EXISTS"} 1',
    'shoal_fetched_bytes_total{source="registry",cause="demand"} 100',
    'shoal_fetched_bytes_total{source="other",cause="readahead"} 50',
    'shoal_miss_duration_seconds_count{outcome="served"} 1',
    'shoal_miss_duration_seconds_count{outcome="failed"} 1',
    'shoal_read_bytes_total{source="registry"} 300',
    'shoal_read_bytes_total{source="cache"} 400',
    'shoal_stalls_total 1',
    'shoal_driver_reads_total{driver="blobfs",outcome="miss"} 2',
    'shoal_readers_waiting{driver="blobfs"} 1',
    'shoal_mounts{driver="blobfs"} 7',
    'shoal_mounts{driver="complete"} 0',
    'shoal_images{kind="lazy"} 2',
    'shoal_cache_bytes 4096',
    'shoal_cache_limit_bytes 8192',
    'shoal_cache_evictions_total 1',
    'shoal_cache_evicted_bytes_total 12',
    'shoal_credential_renewals_total{outcome="failed"} 1',
    'shoal_proxy_requests_total{route="manifests",outcome="served"} 1',
    'shoal_proxy_requests_total{route="manifests",outcome="failed"} 1',
    'shoal_proxy_bytes_total{source="peer"} 10',
    'shoal_proxy_bytes_total{source="cache"} 4',
    'shoal_proxy_bytes_total{source="upstream"} 6',
    'shoal_proxy_stale_answers_total 1',
    'shoal_peer_block_duration_seconds_count{distance="zone"} 1',
  ]) {
    t.ok(text.includes(`${line}\n`), line);
  }
  t.notMatch(text, /example\.org/);
  t.match(text, /process_resident_memory_bytes [1-9]/);
  t.match(text, /process_open_fds [1-9]/);
});

t.test('the TCP address answers GET /metrics, and nothing else', async (t) => {
  await using server = await MetricsServer.listen(
    { host: '127.0.0.1', port: 0 },
    new Metrics(),
    () => undefined,
  );
  const at = `http://127.0.0.1:${server.port}`;
  const answer = await fetch(`${at}/metrics`);
  t.equal(answer.status, 200);
  t.match(answer.headers.get('content-type'), /^text\/plain/);
  t.match(await answer.text(), /shoal_build_info\{version="/);
  t.equal((await fetch(`${at}/v1/status`)).status, 404);
  t.equal((await fetch(`${at}/metrics`, { method: 'POST' })).status, 404);
  const taken = await serveMetrics(
    new Metrics(),
    { host: '127.0.0.1', port: server.port },
    quietLog(),
  );
  t.equal(taken, undefined, 'an address that is taken ends nothing');
});
