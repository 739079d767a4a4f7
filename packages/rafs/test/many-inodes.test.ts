/** Large trees: memory grows by little more than the bytes that are written. */
import type { BuildInode, ByteString } from '@shoal/rafs';
import { encodeBootstrap, verifyBootstrap } from '@shoal/rafs';
import { directory } from '@shoal/test-kit/plain-inode';
import t from 'tap';
import { file, inputOf, TestBlob } from './support/build-image.ts';

const DIRECTORIES = 100;
const FILES_EACH = 200;

t.test('20,000 files', async (t) => {
  const blob = new TestBlob(4096);
  const template = file(blob, 'content');
  const children: Record<string, BuildInode> = {};
  for (let index = 0; index < DIRECTORIES; index++) {
    const files = new Map<ByteString, { inode: BuildInode }>();
    for (let number = 0; number < FILES_EACH; number++) {
      files.set(`file-${number}` as ByteString, { inode: { ...template } });
    }
    children[`directory-${index}`] = directory({}, { children: files });
  }
  const input = inputOf(directory(children), blob);
  const before = process.memoryUsage.rss();
  const bytes = encodeBootstrap(input);
  const grown = process.memoryUsage.rss() - before;
  const { inodes } = verifyBootstrap(bytes);
  t.equal(inodes, DIRECTORIES * FILES_EACH + DIRECTORIES + 1);
  t.ok(bytes.length < 4 << 20, `${bytes.length} bytes`);
  t.ok(grown < 64 << 20, `memory grew by ${grown >> 20} MiB`);
});
