/** Converts a layout and mounts the result with a daemon of its own, through the real command. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { runChecked, type TestScope } from '@shoal/test-kit';
import { ownDaemon } from '../../test/support/own-daemon.ts';
import { SHOAL } from './input.ts';
import { driverAt } from './miss-figures.ts';

export type LazyMount = {
  readonly mountpoint: string;
  /** Mounts the image at a second place as well, and tells by which driver. */
  again(mountpoint: string): Promise<string>;
  /** Mounts another image by the same daemon. */
  mountAlso(reference: string, mountpoint: string): Promise<void>;
  /** What `shoal status --json` says. */
  status(): Promise<unknown>;
  /** What `shoal trace --json` says. */
  trace(): Promise<unknown>;
};

export async function convertLayout(layout: string, directory: string): Promise<string> {
  const target = `oci:${join(directory, 'lazy-image')}:lazy`;
  await runChecked(SHOAL, ['convert', '--source', `oci:${layout}:latest`, '--target', target], {
    timeoutMs: 600_000,
  });
  return target;
}

/** Mount and daemon go with the scope. */
export async function mountLazily(
  scope: TestScope,
  reference: string,
  directory: string,
  flags: readonly string[] = [],
): Promise<LazyMount> {
  const { env } = ownDaemon(scope, directory);
  const mountAlso = async (name: string, place: string) => {
    mkdirSync(place, { recursive: true });
    await runChecked(SHOAL, ['mount', ...flags, name, place], { env });
  };
  const mount = (place: string) => mountAlso(reference, place);
  const mountpoint = join(directory, 'mount');
  await mount(mountpoint);
  const ask = async (...words: readonly string[]): Promise<unknown> =>
    JSON.parse((await runChecked(SHOAL, [...words, '--json'], { env })).stdout);
  const status = () => ask('status');
  return {
    mountpoint,
    again: async (place) => {
      await mount(place);
      return driverAt(await status(), place);
    },
    mountAlso,
    status,
    trace: () => ask('trace', mountpoint),
  };
}
