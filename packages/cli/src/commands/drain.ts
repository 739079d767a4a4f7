/** `shoal drain`: unmounts everything and ends the daemon. */
import { errorCode } from '@shoal/errors';
import type { ControlClient, DaemonPaths } from '@shoal/node/client';
import type { DrainAnswer } from '@shoal/snapshotter';
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
import { ExitCode } from '../exit-code.ts';

type DrainOptions = DaemonOptionValues & {
  readonly lazy?: boolean;
  readonly keepMounts?: boolean;
  readonly json?: boolean;
};

const EXAMPLES = `
Examples:
  shoal drain
  shoal drain --keep-mounts`;

const BUSY_REMEDY =
  "The daemon stays for them. End these processes and run 'shoal drain' again; 'shoal drain --lazy'" +
  " detaches busy mounts, too; 'shoal drain --keep-mounts' ends only the daemon.";

export function registerDrain(program: Command, context: CliContext): void {
  const command = program
    .command('drain')
    .summary('unmount everything and end the daemon')
    .description(
      'Unmount every image and end the daemon. When some are busy the daemon stays for them (exit' +
        ' status 3, or 1 when all are). The cache and what was written stay.',
    )
    .option('--lazy', 'detach busy mounts, too; the daemon ends when their files are closed')
    .option('--keep-mounts', 'only end the daemon: mounts stay and wait for the next one')
    .option('--json', 'print the answer as JSON');
  addDaemonOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((options: DrainOptions) => runDrain(options, context));
}

async function runDrain(options: DrainOptions, context: CliContext): Promise<void> {
  const paths = await daemonPathsOf(options, context);
  leaveDirectory();
  if (options.keepMounts === true) return stopDaemon(paths, options, context);
  const { findOrStartDaemon, NotRootError } = await import('@shoal/node/client');
  // Without it the state cannot even be looked for.
  if (context.uid !== 0) throw new NotRootError('ending the daemon');
  if (!hasKeptState(paths)) {
    return context.output.line(`no daemon has kept anything in ${paths.root}`);
  }
  const { signal } = context;
  const onWait = waitingLine('drain', context);
  const { client, isStarted } = await findOrStartDaemon({ paths, signal, onWait });
  const { pid } = await client.ping({ signal });
  const answer = await client.drain({ isLazy: options.lazy }, { signal });
  const isLeaving = answer.busy.length === 0;
  if (isLeaving && answer.lingering === 0) await untilGone(pid, context);
  if (options.json === true) await context.output.json(answer);
  else await printAnswer(answer, isStarted, context);
  if (!isLeaving) {
    context.finish(answer.unmounted.length > 0 ? ExitCode.partly : ExitCode.failed);
  }
}

async function stopDaemon(
  paths: DaemonPaths,
  options: DrainOptions,
  context: CliContext,
): Promise<void> {
  const { ControlClient } = await import('@shoal/node/client');
  const client = new ControlClient(paths.socket);
  const pid = await pidOf(client, context);
  if (pid === undefined) return context.output.line(`no daemon answers at ${paths.socket}`);
  const answer = await client.stop({}, { signal: context.signal });
  await untilGone(pid, context);
  if (options.json === true) return context.output.json(answer);
  const { mounts } = answer;
  return context.output.line(
    mounts === 0
      ? 'the daemon has ended'
      : `the daemon has ended; ${mounts} ${mounts === 1 ? 'mount waits' : 'mounts wait'} for the next one`,
  );
}

async function pidOf(client: ControlClient, { signal }: CliContext): Promise<number | undefined> {
  try {
    return (await client.ping({ signal })).pid;
  } catch (error) {
    if (errorCode(error) === 'ERR_NODE_NOT_RUNNING') return undefined;
    throw error;
  }
}

async function untilGone(pid: number, { signal }: CliContext): Promise<void> {
  const { untilProcessEnds } = await import('@shoal/node/client');
  await untilProcessEnds(pid, signal);
}

async function printAnswer(
  answer: DrainAnswer,
  isStarted: boolean,
  context: CliContext,
): Promise<void> {
  const { output, diagnostics } = context;
  for (const mountpoint of answer.unmounted) await output.line(`${mountpoint} is unmounted`);
  for (const mountpoint of answer.left) {
    await output.line(`${mountpoint} is busy and stays: it needs no daemon`);
  }
  if (answer.busy.length === 0) await output.line(endingText(answer, isStarted));
  for (const { reason } of answer.busy) await diagnostics.line(`shoal drain: ${reason}`);
  if (answer.busy.length > 0) await diagnostics.line(`shoal drain: ${BUSY_REMEDY}`);
  await diagnostics.flush();
}

/** `isStarted`: no daemon ran, one was started to look for what an earlier one left. */
function endingText({ unmounted, left, lingering }: DrainAnswer, isStarted: boolean): string {
  if (lingering > 0) return `the daemon ends when the files of ${lingering} images are closed`;
  const isIdle = isStarted && unmounted.length === 0 && left.length === 0;
  return isIdle ? 'no daemon ran, and nothing was mounted' : 'the daemon has ended';
}
