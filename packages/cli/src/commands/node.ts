/** `shoal node`: the daemon of this host in the foreground. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import {
  addDaemonOptions,
  type ConfigOptionValue,
  type DaemonOptionValues,
} from '../daemon-options.ts';

export type NodeOptions = DaemonOptionValues & ConfigOptionValue;

const EXAMPLES = `
Examples:
  shoal node
  shoal node --config /etc/shoal/config.toml`;

export function registerNode(program: Command, context: CliContext): void {
  const command = program
    .command('node')
    .summary('run the daemon in the foreground')
    .description('Run the daemon in the foreground; SIGTERM stops it and leaves mounts working.')
    .option('--config <file>', 'configuration (default: /etc/shoal/config.toml if it exists)');
  addDaemonOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((options: NodeOptions) => runNode(options, context));
}

/** Runs until it is asked to stop. */
export async function runNode(
  options: NodeOptions & { readonly address?: string | undefined },
  context: CliContext,
): Promise<void> {
  const { runDaemon } = await import('@shoal/node');
  const { root, run, configFile } = await nodePathsOf(options, context);
  const { address } = options;
  await runDaemon({ root, run, configFile, address, signal: context.signal });
}

/** The directories of the daemon to be, and the file, which has to be right. */
export async function nodePathsOf(
  options: NodeOptions,
  { env }: CliContext,
): Promise<{ root: string; run: string; configFile: string | undefined }> {
  const { daemonPaths, readConfig } = await import('@shoal/node');
  const configFile = options.config === undefined ? undefined : resolve(options.config);
  const { root, run } = daemonPaths(options, env, readConfig(configFile));
  return { root, run, configFile };
}
