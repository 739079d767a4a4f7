/** Programs that cannot be started because no file may be opened any more: errors, and no crash. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { startHolder } from '@shoal/linux';
import { allowFewFiles, requireTool, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { unmountApart } from '../src/driver/unmount-apart.ts';
import { unpackLayer } from '../src/images/layer-unpack.ts';
import { runTool } from '../src/snapshots/child-tool.ts';

// Whatever is thrown behind a test's back fails it.
t.test('no program can be started', async (t) => {
  if (!requireTool(t, 'prlimit')) return;
  const directory = join(temporaryDirectory(t), 'layer');
  mkdirSync(directory);
  const { signal } = new AbortController();
  // What is loaded when it is used, and what a holder needs beside the process.
  await runTool('du', ['-s', directory]);
  const layer = Readable.from([Buffer.alloc(1024)]);
  for (const more of [0, 1, 2, 3]) {
    const files = await allowFewFiles(more);
    const outcomes = await Promise.allSettled([
      runTool('du', ['-s', directory]),
      unpackLayer(layer, 'none', directory, signal),
      startHolder({ none: 0 }, directory),
      // Looks at the mounts first.
      unmountApart(directory),
    ]);
    await files.again();
    const reasons = outcomes.map((each) => (each.status === 'rejected' ? each.reason : undefined));
    if (more === 0) t.match(reasons, [{ code: 'EMFILE' }, /EMFILE/, {}, { code: 'EMFILE' }]);
  }
  t.ok(layer.destroyed);
});
