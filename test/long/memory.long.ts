/** `shoal convert`, `check` and `unpack` stay under 512 MiB for an image of 5 GB and 300,000 files. */
import { requireTool, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { checkMemory } from './memory-bound.ts';

t.setTimeout(3_500_000);

t.test('5 GB in 300,000 files pass through 512 MiB', async (t) => {
  if (!requireTool(t, 'time')) return;
  const directory = temporaryDirectory(t);
  const size = { files: 300_000, bytes: 5_000_000_000 };
  await checkMemory(t, { directory, ...size, peakBytesMax: 512 << 20 });
});
