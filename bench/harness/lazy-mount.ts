/** Converts a layout and mounts the result with a daemon of its own, through the real command. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { runChecked, runCommand } from '@shoal/test-kit';
import { SHOAL } from './input.ts';

export type LazyMount = {
  readonly mountpoint: string;
  /** What `shoal status --json` says. */
  status(): Promise<unknown>;
  close(): Promise<void>;
};

export async function convertLayout(layout: string, directory: string): Promise<string> {
  const target = `oci:${join(directory, 'lazy-image')}:lazy`;
  await runChecked(SHOAL, ['convert', '--source', `oci:${layout}:latest`, '--target', target], {
    timeoutMs: 600_000,
  });
  return target;
}

export async function mountLazily(
  reference: string,
  directory: string,
  flags: readonly string[] = [],
): Promise<LazyMount> {
  const mountpoint = join(directory, 'mount');
  mkdirSync(mountpoint, { recursive: true });
  const env = {
    ...process.env,
    SHOAL_ROOT: join(directory, 'state'),
    SHOAL_RUN: join(directory, 'run'),
  };
  await runChecked(SHOAL, ['mount', ...flags, reference, mountpoint], { env });
  return {
    mountpoint,
    status: async () => JSON.parse((await runChecked(SHOAL, ['status', '--json'], { env })).stdout),
    close: async () => {
      await runCommand(SHOAL, ['unmount', mountpoint], { env });
      await runCommand('pkill', ['-TERM', '-f', '--', `--root ${join(directory, 'state')}`]);
    },
  };
}
