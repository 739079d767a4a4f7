/** `shoal peer`: a host that does nothing but share stored bytes with others, in the foreground. */
import { resolve } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import type { RunningPeer } from '@shoal/node';
import type { HostPort } from '@shoal/oci/host-port';
import { type Command, InvalidArgumentError } from 'commander';
import type { CliContext } from '../context.ts';
import { parseLocalAddress } from '../listen-address.ts';
import { repeated, sizeParser } from '../option-values.ts';
import { formatBytes } from '../quantity-text.ts';
import { untilStopped } from '../until-stopped.ts';

/** A seed as `[peer] seeds` has it. */
type SeedTable = Readonly<Record<string, string>>;

type PeerOptions = {
  readonly listen?: string;
  readonly advertise?: string;
  readonly identity?: string;
  readonly zone?: string;
  readonly rack?: string;
  readonly tracker?: readonly string[];
  readonly seed?: readonly SeedTable[];
  readonly origin?: readonly string[];
  readonly directory?: string;
  readonly bytesMax?: number;
  readonly root?: string;
  readonly config?: string;
  readonly metrics?: HostPort;
  readonly json?: boolean;
};

const EXAMPLES = `
Examples:
  shoal peer --config /etc/shoal/seed.toml
  shoal peer --listen 10.0.0.9:4010 --identity /etc/shoal/tls --zone zone-a --rack r12 \\
    --tracker https://tracker-0.example:4020 --origin docker.io --origin registry.example:5000
  shoal peer --listen 0.0.0.0:4010 --advertise 10.0.0.5:4010 --identity /etc/shoal/tls \\
    --seed seed-1=10.0.0.9:4010,zone-a --directory /srv/shoal/peer --bytes-max 200g

The certificate says whether the host is a seed or a peer. Options go before the [peer] table of the file. A daemon
('shoal node') with such a table shares, too: a host needs this command only where it mounts nothing. SIGTERM and
Ctrl-C let what was promised to others leave, for 5 s at most; twice ends it at once.`;

/**
 * By how many percent V8 lets the heap grow before it collects all of it. Left to itself it takes some times what is
 * alive, and buffers of sockets go with it: 30 MiB more at a seed that fifty hosts read through, for 1 or 2 % of its time.
 */
const HEAP_GROWING_PERCENT = 100;

/** A store of less than a few images is of no use to others. */
const BYTES_MIN = 64 << 20;

export function registerPeer(program: Command, context: CliContext): void {
  const seed = (value: string, before: readonly SeedTable[] = []) => [...before, parseSeed(value)];
  program
    .command('peer')
    .summary('only share stored bytes with other hosts, in the foreground')
    .description('Keep stored bytes of images and serve them to other hosts, in the foreground.')
    .option('--listen <host:port>', 'where other hosts connect')
    .option('--advertise <host:port>', 'what they are told to connect to (default: --listen)')
    .option('--identity <dir>', 'directory of tls.crt, tls.key, ca.crt and token.pub')
    .option('--zone <name>', 'where it is: hosts of one zone are near each other')
    .option('--rack <name>', 'and in which rack of the zone')
    .option('--tracker <url>', 'https://HOST:PORT of a tracker; may be given again', repeated)
    .option('--seed <host=address>', 'HOST=ADDRESS[,ZONE[,RACK]]; may be given again', seed)
    .option(
      '--origin <rule>',
      'registry, or beginning of a repository, to fetch from for others; may be given again',
      repeated,
    )
    .option('--directory <dir>', 'where stored bytes are kept (default: peer below the root)')
    .option(
      '--bytes-max <size>',
      'how much is kept, such as 200g',
      sizeParser(BYTES_MIN, Number.MAX_SAFE_INTEGER),
    )
    .option('--root <dir>', 'state of this host [SHOAL_ROOT] (default: /var/lib/shoal)')
    .option('--config <file>', 'configuration (default: /etc/shoal/config.toml if it exists)')
    .option(
      '--metrics <address>',
      'where Prometheus finds metrics, without login: a port of 127.0.0.1, host:port or :port',
      parseLocalAddress,
    )
    .option('--json', 'print what happens as JSON, one object a line')
    .addHelpText('after', EXAMPLES)
    .action((options: PeerOptions) => run(options, context));
}

async function run(options: PeerOptions, context: CliContext): Promise<void> {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`);
  const { startPeer } = await import('@shoal/node');
  await using peer = await startPeer({
    root: options.root,
    configFile: options.config === undefined ? undefined : resolve(options.config),
    peer: tableOf(options),
    metricsAddress: options.metrics,
  });
  await tellStart(peer, options, context);
  await untilStopped(context);
  await tell({ event: 'draining' }, 'draining', options, context);
  await peer.drain();
  const { traffic, store } = peer.status();
  await tell(
    { event: 'stopped', traffic, store: { blobs: store.blobs, bytes: store.bytes } },
    `stopped: ${formatBytes(traffic.upload)} sent to hosts, ${formatBytes(store.bytes)} kept`,
    options,
    context,
  );
}

/** Keys of `[peer]`, only those that were given. */
function tableOf(options: PeerOptions): Readonly<Record<string, unknown>> {
  const { listen, advertise, identity, zone, rack, directory } = options;
  const table = {
    ...{ listen, advertise, zone, rack },
    identity: identity === undefined ? undefined : resolve(identity),
    directory: directory === undefined ? undefined : resolve(directory),
    bytes_max: options.bytesMax,
    trackers: options.tracker,
    seeds: options.seed,
    origins: options.origin,
  };
  return Object.fromEntries(Object.entries(table).filter(([, value]) => value !== undefined));
}

function parseSeed(text: string): SeedTable {
  const [host = '', place = '', ...more] = text.split('=');
  const [address = '', zone, rack, ...rest] = place.split(',');
  if (host === '' || address === '' || more.length > 0 || rest.length > 0) {
    throw new InvalidArgumentError(
      'Give HOST=ADDRESS[,ZONE[,RACK]], such as seed-1=10.0.0.9:4010.',
    );
  }
  return {
    ...{ host, address },
    ...(zone === undefined ? {} : { zone }),
    ...(rack === undefined ? {} : { rack }),
  };
}

async function tellStart(
  peer: RunningPeer,
  options: PeerOptions,
  context: CliContext,
): Promise<void> {
  const { self, store } = peer.status();
  const { metricsAddress: metrics } = peer;
  const { host, role, address, zone, rack } = self;
  const kept = { blobs: store.blobs, bytes: store.bytes };
  await tell(
    { event: 'ready', host, role, address, zone, rack, store: kept, metrics },
    `${role} ${host} at ${address}, ${formatBytes(store.bytes)} of ${store.blobs} blobs kept` +
      (metrics === undefined ? '' : `; metrics: http://${metrics}/metrics`),
    options,
    context,
  );
}

/** At once: whoever follows wants to know what happens now. */
async function tell(
  event: object,
  text: string,
  { json }: PeerOptions,
  { output }: CliContext,
): Promise<void> {
  await output.line(json === true ? JSON.stringify(event) : text);
  await output.flush();
}
