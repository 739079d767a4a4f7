/** Options of every command that talks to the daemon. */
import type { DaemonPaths } from '@shoal/node';
import type { Command } from 'commander';
import type { CliContext } from './context.ts';

export type DaemonOptionValues = {
  readonly root?: string;
  readonly run?: string;
};

export function addDaemonOptions(command: Command): Command {
  return command
    .option('--root <dir>', 'state and cache of the daemon [SHOAL_ROOT] (default: /var/lib/shoal)')
    .option('--run <dir>', 'socket directory of the daemon [SHOAL_RUN] (default: /run/shoal)');
}

export async function daemonPathsOf(
  options: DaemonOptionValues,
  context: CliContext,
): Promise<DaemonPaths> {
  const { daemonPaths } = await import('@shoal/node');
  return daemonPaths(options, context.env);
}

/** What a command says while it waits for a daemon that does not answer yet. */
export function waitingLine(command: string, { diagnostics }: CliContext): (what: string) => void {
  return (what) => void diagnostics.line(`shoal ${command}: ${what}`);
}
