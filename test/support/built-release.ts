/** A release of this tree, built by the script that makes real ones, and unpacked. */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { runChecked } from '@shoal/test-kit';
import { root } from './source-files.ts';

export type BuiltRelease = {
  /** The directory of all files of the release. */
  readonly directory: string;
  /** Path of the first file whose name ends so. */
  file(ending: string): string;
};

const BUILD_MS_MAX = 400_000;

/** Builds into `directory`. The tree may have changes that are not committed. */
export async function buildRelease(
  directory: string,
  options: readonly string[] = [],
): Promise<BuiltRelease> {
  const script = join(root, 'scripts/release.ts');
  const argv = ['--disable-warning=ExperimentalWarning', script, '--allow-dirty'];
  await runChecked(process.execPath, [...argv, '--out', directory, ...options], {
    timeoutMs: BUILD_MS_MAX,
  });
  return {
    directory,
    file: (ending) => {
      const name = readdirSync(directory).find((each) => each.endsWith(ending));
      if (name === undefined) throw new Error(`the release has no ${ending}`);
      return join(directory, name);
    },
  };
}

/** The release's tree in a directory of its own. */
export async function unpackRelease(release: BuiltRelease, directory: string): Promise<string> {
  mkdirSync(directory, { recursive: true });
  await runChecked('tar', ['-xzf', release.file('.tar.gz'), '-C', directory]);
  const [name = ''] = readdirSync(directory);
  return join(directory, name);
}
