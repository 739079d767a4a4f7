/** The memory of `shoal convert` stays under 512 MiB for an image of 5 GB and 300,000 files. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { requireTool, runChecked, temporaryDirectory, timeCommand } from '@shoal/test-kit';
import t from 'tap';
import { writeLargeImage } from './large-image.ts';

const FILES = 300_000;
const BYTES = 5_000_000_000;
const PEAK_BYTES_MAX = 512 << 20;
const SHOAL = join(import.meta.dirname, '..', '..', 'bin', 'shoal');

t.setTimeout(1_800_000);

t.test('5 GB in 300,000 files are converted in 512 MiB', async (t) => {
  if (!requireTool(t, 'time')) return;
  const directory = temporaryDirectory(t);
  const layout = await writeLargeImage({ directory, files: FILES, bytes: BYTES });
  const target = join(directory, 'converted');
  const report = join(directory, 'report.json');
  const figures = await timeCommand(SHOAL, [
    ...['convert', '--source', `oci:${layout}:latest`, '--target', `oci:${target}:lazy`],
    ...['--output-json', report],
  ]);
  const megabytes = Math.round(BYTES / 1e6 / figures.wallSeconds);
  t.comment(
    `peak ${Math.round(figures.peakBytes / 2 ** 20)} MiB, ${figures.wallSeconds} s, ` +
      `${figures.cpuSeconds} s of processor time, ${megabytes} MB/s`,
  );
  t.ok(figures.peakBytes <= PEAK_BYTES_MAX, `${figures.peakBytes} bytes`);
  t.ok(existsSync(report));
  await runChecked(SHOAL, ['inspect', `oci:${target}:lazy`], { timeoutMs: 300_000 });
});
