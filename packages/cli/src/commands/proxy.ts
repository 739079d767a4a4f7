/** `shoal proxy`: a mirror in front of registries, in the foreground. */
import { resolve } from 'node:path';
import type { MetricsServer, ProxyMetrics } from '@shoal/node/metrics';
import { formatHostPort, type HostPort, parseHostPort } from '@shoal/oci/host-port';
import type { ProxyEvent } from '@shoal/registry-proxy';
import type { Runtime } from '@shoal/registry-proxy/snippets';
import { type Command, Option } from 'commander';
import type { CliContext } from '../context.ts';
import { UsageError } from '../errors.ts';
import { parseLocalAddress } from '../listen-address.ts';
import { portParser, repeated } from '../option-values.ts';
import { type UpstreamFlags, upstreamsOf } from '../proxy-upstreams.ts';
import { untilStopped } from '../until-stopped.ts';

type ProxyFlags = UpstreamFlags & {
  readonly listen: string;
  readonly default?: string;
  readonly manifests?: string;
  readonly accessLog?: boolean;
  readonly metrics?: HostPort;
  readonly printConfig?: Runtime;
  readonly port?: number;
};

const EXAMPLES = `
Examples:
  shoal proxy
  shoal proxy --upstream docker.io --upstream ghcr.io --auth own
  shoal proxy --listen 127.0.0.1:4001 --upstream docker.io=https://registry-1.docker.io \\
    --upstream registry.example:5000=http://10.0.0.5:5000 --auth registry.example:5000=node
  shoal proxy --print-config containerd --upstream docker.io

A request goes to the upstream that the host of its URL names (the mirror as HTTP proxy), its ns=, or
the start of its path; else to the default one. Nothing else is contacted. Modes of --auth: challenge
(the clients' own credentials, the default), own (those of Docker's configuration, for whoever can reach
the proxy), node (the same, for programs of this host only).`;

export function registerProxy(program: Command, context: CliContext): void {
  program
    .command('proxy')
    .summary('mirror registries for containerd, CRI-O, podman and Docker')
    .description('Serves the pull side of registries in the foreground; SIGTERM stops it.')
    .option('--listen <host:port>', 'where clients connect', '127.0.0.1:4001')
    .option(
      '--upstream <name[=url]>',
      'registry that is mirrored, and where it is; may be repeated (default: docker.io)',
      repeated,
    )
    .option(
      '--default <name>',
      'upstream of requests that name none (default: docker.io, or the only one)',
    )
    .option('--auth <[name=]mode>', 'challenge, own or node, for one upstream or all', repeated)
    .option(
      '--redirect-host <host:port>',
      'private address that upstreams may redirect to or have their token service at',
      repeated,
    )
    .option('--ca-file <file>', 'trust the certificate authorities of this PEM file too')
    .option('--insecure', 'accept any certificate of the upstreams')
    .option('--manifests <dir>', 'keep manifests in this directory too')
    .option('--access-log', 'print a line of JSON for each request')
    .option(
      '--metrics <address>',
      'where Prometheus finds metrics, without login: a port of 127.0.0.1, host:port or :port (default: nowhere)',
      parseLocalAddress,
    )
    .addOption(
      new Option(
        '--print-config <runtime>',
        'print what a runtime has to be told, and end',
      ).choices(['containerd', 'crio', 'docker']),
    )
    .option('--port <port>', 'with --print-config: another port than that of --listen', portParser)
    .addHelpText('after', EXAMPLES)
    .action((flags: ProxyFlags) =>
      flags.printConfig === undefined
        ? runProxy(flags, context)
        : printConfig(flags, flags.printConfig, context),
    );
}

async function printConfig(
  flags: ProxyFlags,
  runtime: Runtime,
  context: CliContext,
): Promise<void> {
  const { formatMirrorSnippet } = await import('@shoal/registry-proxy/snippets');
  const { host, port } = parseHostPort(flags.listen);
  const upstreams = upstreamsOf(flags, context).map(({ name }) => name);
  const place = formatHostPort({ host, port: flags.port ?? port });
  const { text, notes } = formatMirrorSnippet(runtime, { host: place, upstreams });
  for (const note of notes) await context.diagnostics.line(note);
  await context.diagnostics.flush();
  await context.output.raw(text);
}

async function runProxy(flags: ProxyFlags, context: CliContext): Promise<void> {
  if (flags.port !== undefined) {
    throw new UsageError('--port is for --print-config', { remedy: 'write --listen HOST:PORT' });
  }
  const { RegistryProxy } = await import('@shoal/registry-proxy');
  const { host, port } = parseHostPort(flags.listen);
  const { metrics, server } = await openMetrics(flags, context);
  await using _ = server;
  await using proxy = await RegistryProxy.listen({
    host,
    port,
    upstreams: upstreamsOf(flags, context),
    standard: flags.default,
    manifestDirectory: flags.manifests === undefined ? undefined : resolve(flags.manifests),
    onRequest: (event) => {
      metrics?.answered(event);
      if (flags.accessLog === true) logRequest(event, context);
    },
  });
  const names = proxy.upstreams.join(', ');
  await context.diagnostics.line(`shoal proxy: http://${proxy.host} mirrors ${names}`);
  if (server !== undefined && flags.metrics !== undefined) {
    const at = formatHostPort({ ...flags.metrics, port: server.port });
    await context.diagnostics.line(`shoal proxy: metrics at http://${at}/metrics`);
  }
  await context.diagnostics.flush();
  await untilStopped(context);
}

/** Nothing of them is loaded where nobody wants any. Throws `ERR_NODE_METRICS_ADDRESS`. */
async function openMetrics(
  { metrics: address }: ProxyFlags,
  context: CliContext,
): Promise<{ readonly metrics?: ProxyMetrics; readonly server?: MetricsServer }> {
  if (address === undefined) return {};
  const { MetricsServer, PartMetrics, ProxyMetrics } = await import('@shoal/node/metrics');
  const metrics = new PartMetrics((set) => new ProxyMetrics(set));
  const server = await MetricsServer.listen(address, metrics, (error) => {
    void context.diagnostics
      .line(`shoal proxy: metrics were not written: ${String(error)}`)
      .then(() => context.diagnostics.flush())
      .catch(() => undefined);
  });
  return { metrics: metrics.part, server };
}

/** At once: whoever follows the log wants to see what happens now. A log that nobody reads is no error. */
function logRequest(event: ProxyEvent, { output }: CliContext): void {
  const time = new Date().toISOString();
  const durationMs = Math.round(event.durationMs * 10) / 10;
  void output
    .line(JSON.stringify({ time, ...event, durationMs }))
    .then(() => output.flush())
    .catch(() => undefined);
}
