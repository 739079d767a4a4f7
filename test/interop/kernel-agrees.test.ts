/**
 * What our verification lets pass, the kernel shows exactly as our decoder reads it: hundreds of
 * damaged bootstraps, mounted in a mount namespace that nothing else sees.
 */
import { join } from 'node:path';
import { requireMounts, requireTool, runChecked, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import type { KernelDifferences } from './support/kernel-differences.ts';

const SEED = 20_261_128;
const ROUNDS = 300;

t.test('kernel and decoder read damaged bootstraps alike', async (t) => {
  if (!requireMounts(t) || !requireTool(t, 'unshare')) return;
  const script = join(import.meta.dirname, 'support', 'kernel-differences.ts');
  const { stdout } = await runChecked('unshare', [
    ...['--mount', '--propagation', 'private', process.execPath, script],
    ...[temporaryDirectory(t), String(SEED), String(ROUNDS)],
  ]);
  const { accepted, differences }: KernelDifferences = JSON.parse(stdout);
  t.same(differences, []);
  t.ok(accepted > ROUNDS / 10, `${accepted} of ${ROUNDS} pass verification`);
});
