/** docs/metrics.md: every metric of the daemon, from the tables they are made by. */
import { METRIC } from '../../packages/node/src/metrics/metric-definitions.ts';
import type { MetricDefinition } from '../../packages/node/src/metrics/metric-set.ts';
import { cell } from './source-files.ts';

const INTRODUCTION = `<!-- Written by scripts/gen-docs.ts from the definitions in packages/node/src/metrics; run "npm run gen". -->
# Metrics

The daemon answers \`GET /metrics\` in the text format of Prometheus on its control socket
(\`curl --unix-socket /run/shoal/shoal.sock http://shoal/metrics\`), and on the TCP address of
\`[metrics] address\` when there is one (no authentication, nothing else is served there). Counters begin at
0 with each daemon. Labels take few values: no name of an image, a registry or a path is among them;
\`shoal status --json\` tells those.

\`shoal peer --metrics\` answers with those of peers (\`shoal_peer_...\`) and of its process, \`shoal proxy --metrics\` with those of the mirror
(\`shoal_proxy_...\`) and of its process.

| metric | type | unit | labels | meaning |
| --- | --- | --- | --- | --- |`;

const ALERTS = `
## What to look at

- \`rate(shoal_stalls_total[5m]) > 0\`: programs wait for a registry; \`shoal status\` says why.
- \`shoal_driver_reads_total{outcome="failed"}\` grows: programs got an input/output error.
- \`shoal_fetched_bytes_total{cause="readahead"}\` near \`{cause="demand"}\`: sequential readers; \`shoal trace\` says of what.
- \`shoal_images{kind="ordinary"}\`: images that were unpacked; \`shoal status\` gives the reason for each.
- Peers are slow: \`shoal_peer_block_duration_seconds\` by distance, \`shoal_peer_blocks_total{outcome="late"}\` and \`{outcome="silent"}\`,
  \`shoal_peer_blocks_asked_total{reason="hedge"}\`; \`{outcome="busy"}\` here is \`shoal_peer_uploads_refused_total\` on other hosts.
- \`shoal_peer_bytes_total{source="origin"}\` grows on many hosts: they do not reach their seeds; \`shoal_peer_dials_failed_total\` and
  \`shoal_peer_arrivals_refused_total\` (tokens, certificates) say why.
- \`shoal_peer_wrong_bytes_total{source="host"}\` grows: some host's disk or memory is failing, or it lies.
- \`shoal_proxy_stale_answers_total\` grows: a registry fails, and tags are as old as the mirror's memory.
- \`shoal_credential_renewals_total{outcome="failed"}\` grows: images that are here go on, others will not start.
`;

export function renderMetricsPage(): string {
  const rows = Object.values(METRIC).map(row);
  return `${INTRODUCTION}\n${rows.join('\n')}\n${ALERTS}`;
}

function row({ name, kind, unit, help, labels = {}, buckets }: MetricDefinition): string {
  const labelText = Object.entries(labels).map(([label, values]) => `\`${label}\`: ${values}`);
  const bounds = buckets === undefined ? '' : ` Buckets: ${buckets.join(', ')}.`;
  const unitText = unit === 'none' ? '' : unit;
  return `| \`${name}\` | ${kind} | ${unitText} | ${cell(labelText.join('; '))} | ${cell(help)}.${bounds} |`;
}
