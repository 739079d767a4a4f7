/**
 * A small slice of `memory.long.ts` for every run: whoever held the content of an image in memory
 * would need more than its 400 MB.
 */
import { requireTool, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { checkMemory } from './memory-bound.ts';

t.test('400 MB in 20,000 files pass through 400 MiB', async (t) => {
  if (!requireTool(t, 'time')) return;
  const directory = temporaryDirectory(t);
  const size = { files: 20_000, bytes: 400_000_000 };
  await checkMemory(t, { directory, ...size, peakBytesMax: 400 << 20 });
});
