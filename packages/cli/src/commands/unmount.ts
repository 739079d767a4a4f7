/** `shoal unmount`: ends a mount, or says who uses it. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import {
  addDaemonOptions,
  type DaemonOptionValues,
  daemonPathsOf,
  hasKeptState,
  leaveDirectory,
  waitingLine,
} from '../daemon-options.ts';

type UnmountOptions = DaemonOptionValues & {
  readonly lazy?: boolean;
  readonly discard?: boolean;
  readonly json?: boolean;
};

const EXAMPLES = `
Examples:
  shoal unmount /mnt/app
  shoal unmount /mnt/app --lazy`;

export function registerUnmount(program: Command, context: CliContext): void {
  const command = program
    .command('unmount')
    .alias('umount')
    .summary('end a mount; the cache stays')
    .description('Unmount an image. The cache stays, and so does what was written.')
    .argument('<mountpoint>', 'where it is mounted')
    .option('--lazy', 'detach it now, although somebody uses it')
    .option('--discard', 'delete what was written to a writable mount')
    .option('--json', 'print the answer as JSON');
  addDaemonOptions(command)
    .addHelpText('after', EXAMPLES)
    .action(async (mountpoint: string, options: UnmountOptions) => {
      const { ControlClient, ensureDaemon } = await import('@shoal/node/client');
      const paths = await daemonPathsOf(options, context);
      const place = resolve(mountpoint);
      leaveDirectory();
      const client = hasKeptState(paths)
        ? await ensureDaemon({
            paths,
            signal: context.signal,
            onWait: waitingLine('unmount', context),
          })
        : new ControlClient(paths.socket);
      const answer = await client.unmount(
        {
          mountpoint: place,
          isLazy: options.lazy,
          discardWrites: options.discard,
        },
        { signal: context.signal },
      );
      if (options.json === true) return context.output.json(answer);
      await context.output.line(`${answer.mountpoint} is unmounted`);
      if (answer.upperDirectory !== undefined) {
        await context.output.line(`what was written stays in ${answer.upperDirectory}`);
      }
    });
}
