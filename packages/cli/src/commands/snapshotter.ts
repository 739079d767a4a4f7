/** `shoal snapshotter`: the daemon of this host in the foreground, as containerd's snapshotter. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { addDaemonOptions } from './daemon-options.ts';
import { type NodeOptions, runNode } from './node.ts';

const EXAMPLES = `
Examples:
  shoal snapshotter
  shoal snapshotter --address /run/containerd-shoal/shoal.sock

In containerd's configuration:
  [proxy_plugins.shoal]
    type = "snapshot"
    address = "/run/shoal/snapshotter.sock"`;

export function registerSnapshotter(program: Command, context: CliContext): void {
  const command = program
    .command('snapshotter')
    .summary('serve containerd as a snapshotter, in the foreground')
    .description(
      'Run the daemon in the foreground and serve containerd as a snapshotter; SIGTERM stops it and' +
        ' leaves mounts working.',
    )
    .option('--address <socket>', 'where containerd connects (default: RUN/snapshotter.sock)')
    .option('--config <file>', 'configuration (default: /etc/shoal/config.toml if it exists)');
  addDaemonOptions(command)
    .addHelpText('after', EXAMPLES)
    .action(async (options: NodeOptions & { readonly address?: string }) => {
      const address = options.address === undefined ? undefined : resolve(options.address);
      await runNode({ ...options, address }, context);
    });
}
