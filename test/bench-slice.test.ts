/** Every scenario of `npm run bench` runs to its end on small input. Nothing is said about times. */
import { join } from 'node:path';
import { requireNydus, requireRoot, requireTool, runCommand } from '@shoal/test-kit';
import t from 'tap';

const root = join(import.meta.dirname, '..');
const TIMEOUT_MS = 240_000;

for (const scenario of ['convert', 'mount', 'miss']) {
  t.test(`${scenario} on small input`, async (t) => {
    if (!requireRoot(t) || !requireTool(t, 'zstd', 'time') || requireNydus(t) === undefined) return;
    const { exitCode, stdout, stderr } = await runCommand(
      process.execPath,
      [join(root, 'bench', 'run.ts'), scenario, '--small'],
      { timeoutMs: TIMEOUT_MS },
    );
    t.equal(exitCode, 0, stderr);
    t.match(stdout, /1 \(reference\)/, 'there is a table');
  });
}
