/** `shoal tracker`: introduces the hosts of a cluster to each other and shows what they do; in the foreground. */
import { resolve } from 'node:path';
import { formatHostPort, type HostPort } from '@shoal/oci/host-port';
import type { HostGrant, TrackerServer, TrackerServerOptions } from '@shoal/p2p-peer/tracker';
import type { IdentityPaths } from '@shoal/p2p-peer/trust';
import { type Command, InvalidArgumentError } from 'commander';
import type { CliContext } from '../context.ts';
import { sentences } from '../failure.ts';
import { parseListenAddress } from '../listen-address.ts';
import { repeated, wholeNumberParser } from '../option-values.ts';
import { readAdminToken, readPlainToken } from '../token-file.ts';
import { untilStopped } from '../until-stopped.ts';

type TrackerOptions = {
  readonly listen: HostPort;
  readonly plainListen?: HostPort;
  readonly plainToken?: string;
  readonly pageListen?: HostPort;
  readonly pageName?: readonly string[];
  readonly tls: string;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tokenKey?: string;
  readonly tokenPub?: readonly string[];
  readonly tokenHours: number;
  readonly grant?: readonly HostGrant[];
  readonly public?: readonly string[];
  readonly adminToken?: string;
  readonly json?: boolean;
};

const EXAMPLES = `
Examples:
  shoal tracker --tls tls-tracker --token-key tls-tracker/token.key --page-listen 127.0.0.1:4021
  shoal tracker --tls tls-tracker --token-key tls-tracker/token.key \\
    --grant 'gpu-*=registry.example/models/*' --grant '*=docker.io/*,registry.example/base/*'
  shoal tracker --tls tls-tracker --plain-listen :6969 --public 'docker.io/library/*'

Run two or more, and give hosts all of them: nothing is on disk, hosts tell every tracker everything. Reads never
wait for a tracker. Without --grant every host with a certificate of the cluster may read everything. The page
has no login: let it listen where only those reach it who may see the names of images and hosts.`;

const DAY_HOURS = 24;
const LISTEN = ':4020';

export function registerTracker(program: Command, context: CliContext): void {
  const grant = (value: string, before: readonly HostGrant[] = []) => [
    ...before,
    parseGrant(value),
  ];
  program
    .command('tracker')
    .summary('introduce the hosts of a cluster to each other, in the foreground')
    .description(
      'Run a tracker in the foreground: hosts find each other through it. SIGTERM stops it.',
    )
    .addOption(
      program
        .createOption('--listen <address>', 'where hosts connect, by certificate')
        .argParser(parseListenAddress)
        .default(parseListenAddress(LISTEN), LISTEN),
    )
    .option(
      '--plain-listen <address>',
      'where standard clients announce torrents of public repositories',
      parseListenAddress,
    )
    .option('--plain-token <file>', 'file with a token that standard clients have to show there')
    .option(
      '--page-listen <address>',
      'where the page, its data and metrics are, without TLS',
      parseListenAddress,
    )
    .option('--page-name <name>', 'a DNS name the page is called by; may be given again', repeated)
    .option('--tls <dir>', 'directory of tls.crt, tls.key and ca.crt', '/etc/shoal/tls')
    .option('--tls-cert <file>', 'PEM file of the certificate (default: tls.crt there)')
    .option('--tls-key <file>', 'PEM file of its key (default: tls.key there)')
    .option('--tls-ca <file>', 'PEM file of the authority (default: ca.crt there)')
    .option('--token-key <file>', 'sign tokens with this key (token.key of shoal ca init)')
    .option('--token-pub <file>', 'accept tokens by this key too; may be given again', repeated)
    .option(
      '--token-hours <n>',
      'life of a token',
      wholeNumberParser(1, 7 * DAY_HOURS),
      DAY_HOURS / 2,
    )
    .option(
      '--grant <hosts=rules>',
      'which hosts may read which repositories; may be given again',
      grant,
    )
    .option('--public <rule>', 'repositories that anybody may read; may be given again', repeated)
    .option('--admin-token <file>', 'file with the token that allows to order preheats')
    .option('--json', 'print where it listens as JSON')
    .addHelpText('after', EXAMPLES)
    .action((options: TrackerOptions) => run(options, context));
}

/** Nothing else would say it: hosts know the tracker, and have no token. */
const NO_TOKENS =
  'shoal tracker: without --token-key hosts get no tokens here; nobody talks to one that has none of another tracker or a file';

const NO_TRACKER =
  'shoal tracker: hosts do not believe this certificate, which is not that of a tracker: shoal ca issue --role tracker';

async function run(options: TrackerOptions, context: CliContext): Promise<void> {
  const { diagnostics } = context;
  const [{ TrackerServer }, trust] = await Promise.all([
    import('@shoal/p2p-peer/tracker'),
    import('@shoal/p2p-peer/trust'),
  ]);
  const onProblem = (error: unknown) => report(diagnostics, error);
  await using identity = await trust.IdentityFiles.open(
    pathsOf(options, trust.identityPathsIn(resolve(options.tls))),
    { onProblem },
  );
  await using tracker = await TrackerServer.listen({
    ...(await serverOptions(options)),
    identity,
    onProblem,
  });
  await announceStart(tracker, options, context);
  if (options.tokenKey === undefined) await diagnostics.line(NO_TOKENS);
  if (identity.current.identity?.role !== 'tracker') await diagnostics.line(NO_TRACKER);
  await diagnostics.flush();
  await untilStopped(context);
}

async function serverOptions(
  options: TrackerOptions,
): Promise<Omit<TrackerServerOptions, 'identity'>> {
  const { loadTokenKey, loadTokenPublicKeys } = await import('@shoal/p2p-peer/trust');
  const { listen, plainListen, pageListen, pageName = [], tokenKey, tokenPub = [] } = options;
  return {
    listen,
    plainListen,
    pageListen,
    pageNames: pageName,
    grants: options.grant ?? [{ hosts: '*', repositories: ['*'] }],
    publicRepositories: options.public ?? [],
    plainToken:
      options.plainToken === undefined ? undefined : await readPlainToken(options.plainToken),
    tokenKey: tokenKey === undefined ? undefined : await loadTokenKey(resolve(tokenKey)),
    tokenPublicKeys: tokenPub.length === 0 ? [] : await loadTokenPublicKeys(tokenPub),
    tokenLifeMs: options.tokenHours * 3600_000,
    adminToken:
      options.adminToken === undefined ? undefined : await readAdminToken(options.adminToken),
  };
}

function pathsOf({ tlsCa, tlsCert, tlsKey }: TrackerOptions, usual: IdentityPaths): IdentityPaths {
  return {
    ca: tlsCa === undefined ? usual.ca : resolve(tlsCa),
    cert: tlsCert === undefined ? usual.cert : resolve(tlsCert),
    key: tlsKey === undefined ? usual.key : resolve(tlsKey),
  };
}

function parseGrant(text: string): HostGrant {
  const [hosts = '', rules = '', ...more] = text.split('=');
  if (hosts === '' || rules === '' || more.length > 0) {
    throw new InvalidArgumentError(
      "Give HOSTS=RULE[,RULE...], such as 'node-*=registry.example/team/*'.",
    );
  }
  return { hosts, repositories: rules.split(',') };
}

async function announceStart(
  tracker: TrackerServer,
  { json }: TrackerOptions,
  { output }: CliContext,
): Promise<void> {
  const places = Object.fromEntries(
    (['tls', 'plain', 'page'] as const).flatMap((port) => {
      const address = tracker.address(port);
      return address === undefined ? [] : [[port, formatHostPort(address)]];
    }),
  );
  if (json === true) return output.json(places);
  const { tls, plain, page } = places;
  await output.line(`hosts: https://${tls}`);
  if (plain !== undefined) await output.line(`standard clients: http://${plain}/announce`);
  if (page !== undefined) await output.line(`page: http://${page}/`);
  await output.flush();
}

/** One line; the tracker goes on. */
function report(diagnostics: CliContext['diagnostics'], error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  void diagnostics
    .line(`shoal tracker: ${sentences(message, undefined)}`)
    .then(() => diagnostics.flush())
    .catch(() => undefined);
}
