/** Bootstraps with one of everything, for fuzzing and for tests that break them on purpose. */
import { zstdCompressSync } from 'node:zlib';
import type { BuildInode } from '@shoal/rafs';
import { byteStringFromText, encodeBootstrap, InodeKind } from '@shoal/rafs';
import { directory } from '@shoal/test-kit/plain-inode';
import { file, inputOf, special, symlink, TestBlob } from './build-image.ts';

export type SampleImage = { readonly bootstrap: Buffer; readonly blob: TestBlob };

const name = byteStringFromText;
/** Real Nydus 2.2 refuses images with ACLs, which it cannot write either. */
const ACL = { name: name('system.posix_acl_access'), value: name('acl') };

/** Every kind, hard links, attributes, a two-block directory, a file of several chunks. */
export function everythingImage(): SampleImage {
  const { root, blob } = everythingInput();
  return { bootstrap: encodeBootstrap(inputOf(root, blob)), blob };
}

/** The same before it is encoded. */
export function everythingInput(options: { readonly withAcl?: boolean } = {}): {
  readonly root: BuildInode;
  readonly blob: TestBlob;
} {
  const blob = new TestBlob(4096, (bytes) => zstdCompressSync(bytes));
  const linked = file(blob, 'hello world', {
    mode: 0o4755,
    seconds: -5,
    nanoseconds: 7,
    xattrs: [
      { name: name('user.b'), value: name('value') },
      { name: name('security.capability'), value: name('x'.repeat(20)) },
      ...(options.withAcl === false ? [] : [ACL]),
    ],
  });
  const many: Record<string, BuildInode> = {};
  const shared = file(blob, 'shared');
  for (let index = 0; index < 250; index++) many[`entry-${index}`] = shared;
  const root = directory({
    a: linked,
    b: linked,
    '-before-dot': symlink('a'),
    '.-between-dots': symlink('../x'.repeat(500)),
    c: special(InodeKind.character, 0x501),
    d: special(InodeKind.block, 0x800, { uid: 100_000, gid: 200_000 }),
    empty: file(blob, ''),
    large: file(blob, Buffer.alloc(10_000, 'large ')),
    long: symlink('y'.repeat(4095)),
    many: directory(many),
    nested: directory({ deeper: directory({ deepest: directory({}) }) }),
    pipe: special(InodeKind.fifo),
    socket: special(InodeKind.socket),
  });
  return { root, blob };
}

/** No file data at all: no blob, metadata from byte 0 on. */
export function datalessImage(): SampleImage {
  const blob = new TestBlob();
  const root = directory({ etc: directory({ hostname: file(blob, '') }), lib: symlink('usr/lib') });
  return { bootstrap: encodeBootstrap(inputOf(root, blob)), blob };
}
