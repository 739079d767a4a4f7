/** Keeps what a run of the long tests found: a dated page beside the results of the benches. */
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Writes `bench/results/DATE-test-long.txt`, replacing one of the same day; gives its path. */
export function writeLongReport(root: string, lines: readonly string[]): string | undefined {
  const directory = join(root, 'bench', 'results');
  if (!existsSync(directory)) return undefined;
  const date = new Date().toISOString().slice(0, 10);
  const path = join(directory, `${date}-test-long.txt`);
  writeFileSync(path, [date, commitOf(root), ...lines, ''].join('\n'));
  return path;
}

/** The commit that is checked out at `root`, marked when the tree is not exactly that. */
export function commitOf(root: string): string {
  const git = (...words: string[]) =>
    execFileSync('git', ['-C', root, ...words], { encoding: 'utf8' }).trim();
  try {
    const changed = git('status', '--porcelain', '--untracked-files=no');
    return git('rev-parse', '--short', 'HEAD') + (changed === '' ? '' : ' with changes');
  } catch {
    return 'commit not known';
  }
}
