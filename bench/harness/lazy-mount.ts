/** Converts a layout and mounts the result with a daemon of its own, through the real command. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { runChecked, runCommand } from '@shoal/test-kit';
import { SHOAL } from './input.ts';
import { driverAt } from './miss-figures.ts';

export type LazyMount = {
  readonly mountpoint: string;
  /** Mounts the image at a second place as well, and tells by which driver. */
  again(mountpoint: string): Promise<string>;
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
  const env = {
    ...process.env,
    SHOAL_ROOT: join(directory, 'state'),
    SHOAL_RUN: join(directory, 'run'),
  };
  const mountpoints = new Set<string>();
  const mount = async (place: string) => {
    mkdirSync(place, { recursive: true });
    await runChecked(SHOAL, ['mount', ...flags, reference, place], { env });
    mountpoints.add(place);
  };
  await mount(mountpoint);
  const status = async () =>
    JSON.parse((await runChecked(SHOAL, ['status', '--json'], { env })).stdout);
  return {
    mountpoint,
    again: async (place) => {
      await mount(place);
      return driverAt(await status(), place);
    },
    status,
    close: async () => {
      for (const place of mountpoints) await runCommand(SHOAL, ['unmount', place], { env });
      await runCommand('pkill', ['-TERM', '-f', '--', `--root ${join(directory, 'state')}`]);
    },
  };
}
