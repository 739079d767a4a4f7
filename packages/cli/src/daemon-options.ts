/** Options of every command that talks to the daemon. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { errorCode } from '@shoal/errors';
import type { DaemonPaths, PathChoice } from '@shoal/node/client';
import type { Command } from 'commander';
import type { CliContext } from './context.ts';

export type DaemonOptionValues = {
  readonly root?: string;
  readonly run?: string;
};

/** `--config`, of commands that may start a daemon. */
export type ConfigOptionValue = { readonly config?: string };

export function addDaemonOptions(command: Command): Command {
  return command
    .option('--root <dir>', 'state and cache of the daemon [SHOAL_ROOT] (default: /var/lib/shoal)')
    .option('--run <dir>', 'socket directory of the daemon [SHOAL_RUN] (default: /run/shoal)');
}

/** So that a command that was called in a mount is none of those that keep it busy. */
export function leaveDirectory(): void {
  process.chdir('/');
}

/** By the options, then the environment, then the configuration, then the defaults. */
export async function daemonPathsOf(
  options: DaemonOptionValues & ConfigOptionValue,
  { env }: CliContext,
): Promise<DaemonPaths> {
  const { daemonPaths } = await import('@shoal/node/client');
  return daemonPaths(options, env, await configuredPaths(options.config));
}

/** The usual file is the daemon's to complain about: what runs has read an earlier one, perhaps. */
async function configuredPaths(file: string | undefined): Promise<PathChoice> {
  const { readConfig } = await import('@shoal/node/client');
  if (file !== undefined) return readConfig(resolve(file));
  try {
    return readConfig(undefined);
  } catch (error) {
    if (errorCode(error) !== 'ERR_NODE_CONFIG') throw error;
    return {};
  }
}

/** Whether a daemon has ever kept anything there: what one that is gone left behind, only a daemon ends in order. */
export function hasKeptState({ root }: Pick<DaemonPaths, 'root'>): boolean {
  return existsSync(join(root, 'state'));
}

/** What a command says while it waits for a daemon that does not answer yet. */
export function waitingLine(
  command: string,
  { diagnostics }: Pick<CliContext, 'diagnostics'>,
): (what: string) => void {
  // At once, not with the rest of the output; who closed standard error does without.
  return (what) =>
    void diagnostics
      .line(`shoal ${command}: ${what}`)
      .then(() => diagnostics.flush())
      .catch(() => undefined);
}
