/** `shoal upgrade`: another version's daemon takes the place of the one that runs; mounts stay. */
import { spawn } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { VERSION } from '@shoal/errors/version';
import type { DaemonPaths } from '@shoal/node';
import type { Command } from 'commander';
import type { CliContext } from '../context.ts';
import { addDaemonOptions, type DaemonOptionValues, daemonPathsOf } from '../daemon-options.ts';
import { ExitCode } from '../exit-code.ts';
import { formatCount } from '../quantity-text.ts';

type UpgradeOptions = DaemonOptionValues & {
  readonly to?: string;
  readonly newest?: boolean;
  readonly json?: boolean;
};

const EXAMPLES = `
Examples:
  shoal upgrade --newest
  shoal upgrade --to /opt/shoal/versions/0.2.0
  /opt/shoal/versions/0.1.0/bin/shoal upgrade       # back to 0.1.0

Without --to or --newest: to the version that this command is of. The new daemon is loaded before the
old one leaves; readers of absent bytes wait for the moment between them. When the new one does not start,
the old version's is started again, and the exit status is 1. Afterwards /opt/shoal/current names the
version that runs.`;

export function registerUpgrade(program: Command, context: CliContext): void {
  const command = program
    .command('upgrade')
    .summary("put another version's daemon in place; mounts stay")
    .description("Put another version's daemon in the place of the one that runs; mounts stay.")
    .option('--to <dir>', 'the directory of that version')
    .option('--newest', 'the newest version beside this one')
    .option('--json', 'print the answer as JSON');
  addDaemonOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((options: UpgradeOptions) => runUpgrade(options, context));
}

async function runUpgrade(options: UpgradeOptions, context: CliContext): Promise<void> {
  const node = await import('@shoal/node');
  const paths = await daemonPathsOf(options, context);
  const home = node.ownHome();
  const newest = options.newest === true ? node.newestBeside(home) : undefined;
  const target = options.to === undefined ? (newest ?? home) : resolve(options.to);
  if (existsSync(target) && realpathSync(target) === realpathSync(home)) {
    return upgradeHere(paths, options, context);
  }
  await checkStarts(target, context);
  const code = await upgradeThere(target, paths, options, context);
  if (code === ExitCode.done) return;
  // It has said why, and has brought the old daemon back; unless it came to a sudden end itself.
  await node.takeOverWaiting(paths, context.signal);
  context.finish(ExitCode.failed);
}

async function upgradeHere(
  paths: DaemonPaths,
  options: UpgradeOptions,
  { output, signal }: CliContext,
): Promise<void> {
  const { upgradeToThis } = await import('@shoal/node');
  const answer = await upgradeToThis({ paths, signal });
  if (options.json === true) return output.json(answer);
  const { from, to, pid, mounts, pauseMs } = answer;
  if (from === undefined) {
    return output.line(
      pid === undefined
        ? `no daemon runs; the next one is ${to}`
        : `daemon ${to} runs, process ${pid}`,
    );
  }
  return output.line(
    `daemon ${from} is replaced by ${to}, process ${pid}; ${formatCount(mounts, 'mount')}; ` +
      `no daemon answered for ${Math.round(pauseMs)} ms`,
  );
}

/** A version that cannot even say its name must not cost the one that runs. */
async function checkStarts(target: string, context: CliContext): Promise<void> {
  const { programOf, UpgradeTargetError } = await import('@shoal/node');
  const program = programOf(target);
  if (!existsSync(program)) throw new UpgradeTargetError(target, 'there is no bin/shoal');
  const code = await run(program, ['--version'], 'ignore', context);
  if (code === 0) return;
  throw new UpgradeTargetError(target, `its command does not start (version ${VERSION} runs on)`);
}

async function upgradeThere(
  target: string,
  { root, run: runDirectory }: DaemonPaths,
  { json }: UpgradeOptions,
  context: CliContext,
): Promise<number> {
  const { programOf } = await import('@shoal/node');
  const argv = ['upgrade', '--root', root, '--run', runDirectory];
  if (json === true) argv.push('--json');
  return run(programOf(target), argv, 'inherit', context);
}

function run(
  program: string,
  argv: readonly string[],
  stdio: 'inherit' | 'ignore',
  { env, signal }: CliContext,
): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(program, argv, { stdio, env, signal });
    child.once('error', () => resolve(ExitCode.failed));
    child.once('close', (code) => resolve(code ?? ExitCode.failed));
  });
}
