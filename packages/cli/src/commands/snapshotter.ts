/** `shoal snapshotter`: the daemon of this host in the foreground, as containerd's snapshotter. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { addDaemonOptions } from '../daemon-options.ts';
import { type NodeOptions, nodePathsOf, runNode } from './node.ts';

type SnapshotterOptions = NodeOptions & {
  readonly address?: string;
  readonly repair?: boolean;
  readonly json?: boolean;
};

const EXAMPLES = `
Examples:
  shoal snapshotter
  shoal snapshotter --address /run/containerd-shoal/shoal.sock
  shoal snapshotter --repair

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
    .option('--config <file>', 'configuration (default: /etc/shoal/config.toml if it exists)')
    .option('--repair', 'save what can be read of damaged records of snapshots, and end')
    .option('--json', 'with --repair: print the report as JSON');
  addDaemonOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((options: SnapshotterOptions) =>
      options.repair === true ? repair(options, context) : serve(options, context),
    );
}

function serve({ address, ...options }: SnapshotterOptions, context: CliContext): Promise<void> {
  return runNode(
    { ...options, address: address === undefined ? undefined : resolve(address) },
    context,
  );
}

async function repair(options: SnapshotterOptions, context: CliContext): Promise<void> {
  const { root } = await nodePathsOf(options, context);
  const { repairSnapshots, silentLog } = await import('@shoal/snapshotter');
  const report = await repairSnapshots(root, silentLog);
  if (options.json === true) return context.output.json(report);
  const { output } = context;
  await output.line(
    `${report.snapshots} snapshots are intact; the records as they were: ${report.copy}`,
  );
  for (const problem of report.problems) await output.line(`wrong was: ${problem}`);
  for (const path of report.setAside) await output.line(`files without a record: ${path}`);
}
