/** `shoal mount`: mounts a converted image and returns when it is usable. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { ControlClient, DaemonPaths } from '@shoal/node';
import type { ImageReference } from '@shoal/oci';
import type { DriverChoice, MissPolicy, MountAnswer, MountRequest } from '@shoal/snapshotter';
import { type Command, InvalidArgumentError } from 'commander';
import { addClientOptions, type ClientFlags } from '../client-options.ts';
import type { CliContext } from '../context.ts';
import { UsageError } from '../errors.ts';
import { addDaemonOptions, type DaemonOptionValues, daemonPathsOf } from './daemon-options.ts';

type MountOptions = DaemonOptionValues &
  ClientFlags & {
    readonly driver: string;
    readonly cache?: string;
    readonly writable?: boolean;
    readonly suid?: boolean;
    readonly dev?: boolean;
    readonly platform?: string;
    readonly missPolicy?: string;
    readonly config?: string;
    readonly json?: boolean;
  };

const EXAMPLES = `
Examples:
  shoal mount registry.example/app:nydus /mnt/app
  shoal mount oci:/srv/images:app /mnt/app --writable
  shoal mount --driver list`;

export function registerMount(program: Command, context: CliContext): void {
  const command = program
    .command('mount')
    .summary('mount an image; its bytes are fetched when they are read')
    .description('Mount a converted image; its bytes are fetched when they are read.')
    .argument('[reference]', 'the converted image')
    .argument('[mountpoint]', 'an existing directory')
    .option(
      '--driver <name>',
      "auto, blobfs, complete; 'list' shows what this host can use",
      'auto',
    )
    .option('--cache <dir>', 'where blobs are kept (default: ROOT/cache)')
    .option('--writable', 'put an overlay on top; what is written survives unmount')
    .option('--suid', 'honour setuid bits and file capabilities')
    .option('--dev', 'make device nodes usable')
    .option('--platform <os/arch>', "pick this platform from an index (default: the host's)")
    .option(
      '--miss-policy <policy>',
      'what a reader gets while bytes cannot be fetched: wait (default), fail, or EIO after a time' +
        ' such as 30s',
    )
    .option('--config <file>', 'configuration of the daemon, should this command start one')
    .option('--json', 'print the answer as JSON');
  addDaemonOptions(addClientOptions(command))
    .addHelpText('after', EXAMPLES)
    .action(
      async (
        reference: string | undefined,
        mountpoint: string | undefined,
        options: MountOptions,
      ) => {
        const paths = await daemonPathsOf(options, context);
        if (options.driver === 'list') return listDrivers(paths, options, context);
        if (reference === undefined || mountpoint === undefined) {
          throw new UsageError('a reference and a mountpoint are needed', {
            remedy: "see 'shoal mount --help'",
          });
        }
        const request = await mountRequest(reference, mountpoint, options, context);
        const answer = await mount(request, paths, options, context);
        if (options.json === true) return context.output.json(answer);
        return printAnswer(answer, context);
      },
    );
}

async function mount(
  request: MountRequest,
  paths: DaemonPaths,
  options: MountOptions,
  context: CliContext,
): Promise<MountAnswer> {
  const { ensureDaemon } = await import('@shoal/node');
  const { signal } = context;
  const configFile = absolute(options.config);
  const client: ControlClient = await ensureDaemon({ paths, configFile, signal });
  const isRootChosen = (options.root ?? context.env['SHOAL_ROOT'] ?? '') !== '';
  if (isRootChosen) await requireRoot(client, paths);
  return client.mount(request, { signal });
}

/** A daemon that runs already may keep its things elsewhere than the caller believes. */
async function requireRoot(client: ControlClient, paths: DaemonPaths): Promise<void> {
  const { root } = await client.ping();
  if (root === paths.root) return;
  throw new UsageError(
    `the daemon at ${paths.run} keeps its things in ${root}, not ${paths.root}`,
    {
      remedy: 'leave --root and SHOAL_ROOT out, or give a second daemon its own --run',
    },
  );
}

async function mountRequest(
  text: string,
  mountpoint: string,
  options: MountOptions,
  context: CliContext,
): Promise<MountRequest> {
  const { parseReference, parsePlatform } = await import('@shoal/oci');
  const reference = parseReference(text);
  if (options.platform !== undefined) parsePlatform(options.platform);
  return {
    reference: await absoluteReference(reference),
    mountpoint: resolve(mountpoint),
    driver: await driverChoice(options.driver),
    cacheDirectory: absolute(options.cache),
    isWritable: options.writable,
    allowSuid: options.suid,
    allowDevices: options.dev,
    platform: options.platform,
    missPolicy: await missPolicy(options.missPolicy),
    source: {
      plainHttp: options.plainHttp,
      insecure: options.insecure,
      caFile: absolute(options.caFile),
      clientCertificateFile: absolute(options.clientCert),
      clientKeyFile: absolute(options.clientKey),
      dockerConfigDirectory: dockerConfigDirectory(context.env),
    },
  };
}

/** The daemon runs elsewhere: relative paths would mean something else there. */
async function absoluteReference(reference: ImageReference): Promise<string> {
  const { formatReference } = await import('@shoal/oci');
  if (reference.kind === 'registry') return formatReference(reference);
  return formatReference({ ...reference, path: resolve(reference.path) });
}

function absolute(path: string | undefined): string | undefined {
  return path === undefined ? undefined : resolve(path);
}

/** Where the caller's credentials are; the daemon reads them when it needs them. */
function dockerConfigDirectory(env: CliContext['env']): string {
  const set = env['DOCKER_CONFIG'];
  return set === undefined || set === '' ? join(env['HOME'] ?? homedir(), '.docker') : resolve(set);
}

async function driverChoice(text: string): Promise<DriverChoice> {
  const { DRIVER_CHOICES } = await import('@shoal/snapshotter');
  const choice = DRIVER_CHOICES.find((name) => name === text);
  if (choice !== undefined) return choice;
  throw new UsageError(`there is no driver ${text}`, {
    remedy: `give one of ${DRIVER_CHOICES.join(', ')}; 'shoal mount --driver list' explains them`,
  });
}

async function missPolicy(text: string | undefined): Promise<MissPolicy | undefined> {
  if (text === undefined) return undefined;
  const { MISS_POLICY_HELP, parseMissPolicy } = await import('@shoal/node');
  const policy = parseMissPolicy(text);
  if (policy === undefined)
    throw new InvalidArgumentError(`--miss-policy must be ${MISS_POLICY_HELP}`);
  return policy;
}

async function printAnswer(answer: MountAnswer, { output }: CliContext): Promise<void> {
  await output.line(`${answer.reference} is mounted at ${answer.mountpoint} (${answer.driver})`);
  if (answer.upperDirectory !== undefined) {
    await output.line(`what is written is kept in ${answer.upperDirectory}`);
  }
}

async function listDrivers(
  paths: DaemonPaths,
  options: MountOptions,
  { output }: CliContext,
): Promise<void> {
  const { examineHost } = await import('@shoal/node');
  const { drivers, notPicked, picked } = await examineHost(paths);
  if (options.json === true) return output.json({ picked, drivers, notPicked });
  for (const { name, usable, reason } of drivers) {
    const mark = name === picked ? 'auto' : usable ? 'usable' : 'no';
    await output.line(`${name.padEnd(10)} ${mark.padEnd(7)} ${reason}`);
  }
  const known = new Set(drivers.map(({ name }) => name));
  for (const { name, reason } of notPicked) {
    if (!known.has(name)) await output.line(`${name.padEnd(10)} ${'no'.padEnd(7)} ${reason}`);
  }
}
