/**
 * Where a daemon keeps its things. `root` survives a reboot (state, cache, bootstraps); `run` does
 * not (socket, log of a detached daemon, what a successor needs to take over).
 */
import { join, resolve } from 'node:path';

export type DaemonPaths = {
  readonly root: string;
  readonly run: string;
  readonly socket: string;
  readonly log: string;
};

export type PathChoice = { readonly root?: string | undefined; readonly run?: string | undefined };

/** By options, then `SHOAL_ROOT` and `SHOAL_RUN`, then the configuration, then the defaults. */
export function daemonPaths(
  choice: PathChoice = {},
  env: NodeJS.ProcessEnv = process.env,
  configured: PathChoice = {},
): DaemonPaths {
  const chosenRoot = choice.root ?? nonEmpty(env['SHOAL_ROOT']) ?? configured.root;
  const chosenRun = choice.run ?? nonEmpty(env['SHOAL_RUN']) ?? configured.run;
  const root = resolve(chosenRoot ?? '/var/lib/shoal');
  const run = resolve(chosenRun ?? '/run/shoal');
  return { root, run, socket: join(run, 'shoal.sock'), log: join(run, 'shoal.log') };
}

function nonEmpty(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}
