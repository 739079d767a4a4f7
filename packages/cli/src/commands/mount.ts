/** `shoal mount`: mounts a converted image and returns when it is usable. */
import { resolve } from 'node:path';
import type { DaemonPaths } from '@shoal/node/client';
import type { MountAnswer } from '@shoal/snapshotter';
import type { Command } from 'commander';
import { addClientOptions } from '../client-options.ts';
import type { CliContext } from '../context.ts';
import {
  addDaemonOptions,
  type ConfigOptionValue,
  type DaemonOptionValues,
  daemonPathsOf,
} from '../daemon-options.ts';
import { UsageError } from '../errors.ts';
import { mountAtDaemon } from './mount-at-daemon.ts';
import { type MountRequestOptions, mountRequest } from './mount-request.ts';

type MountOptions = DaemonOptionValues &
  MountRequestOptions &
  ConfigOptionValue & { readonly json?: boolean };

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
    .argument('[mountpoint]', 'an existing directory');
  addDaemonOptions(addClientOptions(addMountOptions(command)))
    .addHelpText('after', EXAMPLES)
    .action((reference: string | undefined, mountpoint: string | undefined, options) =>
      runMount(reference, mountpoint, options, context),
    );
}

function addMountOptions(command: Command): Command {
  return command
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
    .option(
      '--config <file>',
      'configuration of the daemon, should this command start one; one that runs must have the same',
    )
    .option('--json', 'print the answer as JSON');
}

async function runMount(
  reference: string | undefined,
  mountpoint: string | undefined,
  options: MountOptions,
  context: CliContext,
): Promise<void> {
  const paths = await daemonPathsOf(options, context);
  if (options.driver === 'list') return listDrivers(paths, options, context);
  if (reference === undefined || mountpoint === undefined) {
    throw new UsageError('a reference and a mountpoint are needed', {
      remedy: "see 'shoal mount --help'",
    });
  }
  const request = await mountRequest(reference, mountpoint, options, context);
  const configFile = options.config === undefined ? undefined : resolve(options.config);
  const isRootChosen = (options.root ?? context.env['SHOAL_ROOT'] ?? '') !== '';
  const answer = await mountAtDaemon(request, { paths, configFile, isRootChosen }, context);
  if (options.json === true) return context.output.json(answer);
  return printAnswer(answer, context);
}

async function printAnswer(answer: MountAnswer, { output }: CliContext): Promise<void> {
  await output.line(`${answer.reference} is mounted at ${answer.mountpoint} (${answer.driver})`);
  if (answer.referrerOf !== undefined) {
    await output.line(`it is ${answer.manifestDigest}, a referrer of ${answer.referrerOf}`);
  }
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
