/** Reads of what lies in the page cache already: they never wait for a disk. */
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { runChecked } from '@shoal/test-kit';
import t from 'tap';
import { preadCachedRaw } from '../src/syscalls.ts';

const BYTES = 64 << 10;

t.test('what is in the page cache is read, and nothing else', async (t) => {
  // Of the checkout: a temporary directory may be of memory, which knows no such reads.
  const directory = mkdtempSync(join(import.meta.dirname, 'page-cache-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'file');
  const content = Buffer.alloc(BYTES, 7);
  writeFileSync(path, content);
  const fd = openSync(path, 'r+');
  t.teardown(() => closeSync(fd));
  const into = Buffer.alloc(BYTES);
  const cached = preadCachedRaw(fd, into, 0);
  if (cached === -constants.errno.EOPNOTSUPP) {
    return void t.pass('needs a disk', { skip: 'this file system does not know such reads' });
  }
  t.equal(cached, BYTES);
  t.ok(into.equals(content));
  t.equal(preadCachedRaw(fd, into.subarray(0, 10), 4096), 10);
  t.equal(preadCachedRaw(fd, into, BYTES), 0, 'at its end there is nothing');
  await runChecked('dd', [`of=${path}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0']);
  const cold = preadCachedRaw(fd, into, 0);
  t.ok(cold === -constants.errno.EAGAIN || cold === BYTES, `${cold}: not read from the disk`);
  ftruncateSync(fd, 5);
  t.ok(preadCachedRaw(fd, into, 0) <= 5);
  t.equal(preadCachedRaw(-1, into, 0), -constants.errno.EBADF);
});
