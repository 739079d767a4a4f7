/** Files that are read whole: regular ones up to the bound, and nothing that could wait or go on for ever. */
import { execFileSync } from 'node:child_process';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readRegularFile } from '@shoal/linux/regular-file';
import { temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';

t.test('a regular file up to the bound is read whole, by a link, too', async (t) => {
  const directory = temporaryDirectory(t);
  const file = join(directory, 'file');
  writeFileSync(file, 'abcd');
  symlinkSync(file, join(directory, 'link'));
  const bytes = Buffer.from('abcd');
  t.same(await readRegularFile(file, 4), { kind: 'whole', bytes });
  t.same(await readRegularFile(join(directory, 'link'), 4), { kind: 'whole', bytes });
  writeFileSync(file, '');
  t.same(await readRegularFile(file, 0), { kind: 'whole', bytes: Buffer.alloc(0) });
});

t.test('nothing else is read', async (t) => {
  const directory = temporaryDirectory(t);
  const [file, fifo] = [join(directory, 'file'), join(directory, 'fifo')];
  writeFileSync(file, 'abcde');
  execFileSync('mkfifo', [fifo]);
  t.same(await readRegularFile(file, 4), { kind: 'too long', sizeBytes: 5 });
  for (const path of [fifo, directory, '/dev/zero']) {
    t.same(await readRegularFile(path, 4), { kind: 'not regular' }, path);
  }
  await t.rejects(readRegularFile(join(directory, 'nothing'), 4), { code: 'ENOENT' });
});
