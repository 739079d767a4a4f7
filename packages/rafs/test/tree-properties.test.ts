/** Any tree comes back as it was, and is one that verification accepts. */
import type { BuildInode, ByteString, Xattr } from '@shoal/rafs';
import {
  type Bootstrap,
  byteString,
  compareByteStrings,
  encodeBootstrap,
  InodeKind,
  openBootstrap,
  type RafsInode,
  verifyBootstrap,
} from '@shoal/rafs';
import { directory } from '@shoal/test-kit/plain-inode';
import fc from 'fast-check';
import t from 'tap';
import { file, inputOf, TestBlob } from './support/build-image.ts';

const CHUNK_SIZE = 4096;

/** A tree before its files have chunks: content stands where chunks will. */
type Draft = Omit<BuildInode, 'chunks' | 'children'> & {
  readonly content: Buffer;
  readonly children: ReadonlyMap<ByteString, Draft> | undefined;
};

const bytes = (min: number, max: number): fc.Arbitrary<ByteString> =>
  fc.uint8Array({ minLength: min, maxLength: max }).map((value) => byteString(Buffer.from(value)));

/** Long values that shrink to one number, not byte by byte. */
const filled = (min: number, max: number): fc.Arbitrary<ByteString> =>
  fc
    .tuple(fc.integer({ min, max }), fc.integer({ min: 1, max: 255 }))
    .map(([size, byte]) => byteString(Buffer.alloc(size, byte)));

const fileName = fc
  .oneof(
    { arbitrary: bytes(1, 12), weight: 6 },
    { arbitrary: bytes(200, 255), weight: 1 },
    { arbitrary: fc.constantFrom('-', '!', '.a', '..a', '...', '.-'), weight: 1 },
  )
  .map((name) => name.replaceAll(/[\0/]/g, '_') as ByteString)
  .filter((name) => name !== '.' && name !== '..');

const xattrs = fc.uniqueArray(
  fc.record({
    name: fc
      .tuple(fc.constantFrom('user.', 'trusted.', 'security.'), bytes(1, 20))
      .map(([prefix, name]) => `${prefix}${name.replaceAll('\0', '_')}` as ByteString),
    value: fc.oneof(bytes(0, 40), filled(3000, 5000)),
  }),
  { selector: ({ name }) => name, maxLength: 3 },
);

const attributes = {
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: fc.integer({ min: 0, max: 0xffff_ffff }),
  gid: fc.integer({ min: 0, max: 0xffff_ffff }),
  seconds: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
  nanoseconds: fc.integer({ min: 0, max: 999_999_999 }),
  xattrs: fc.oneof({ arbitrary: fc.constant([]), weight: 3 }, { arbitrary: xattrs, weight: 1 }),
};
const NOTHING = { rdev: 0, size: 0, target: '' as ByteString, content: Buffer.alloc(0) };

const { draft } = fc.letrec<{ draft: Draft; leaf: Draft; directory: Draft }>((tie) => ({
  draft: fc.oneof({ maxDepth: 3, withCrossShrink: true }, tie('leaf'), tie('directory')),
  leaf: fc
    .record({
      ...attributes,
      kind: fc.constantFrom<InodeKind>(0, 0, 0, 2, 4, 5, 6, 7),
      rdev: fc.integer({ min: 0, max: 0xffff_ffff }),
      target: fc.oneof(bytes(1, 30), filled(4000, 4096)),
      content: filled(0, 3 * CHUNK_SIZE + 2),
    })
    .map((leaf) => ({ ...leaf, ...kindFields(leaf), size: 0, children: undefined })),
  directory: fc
    .record({
      ...attributes,
      children: fc.array(fc.tuple(fileName, tie('draft')), { maxLength: 12 }),
    })
    .map(({ children, ...rest }) => ({
      ...NOTHING,
      ...rest,
      kind: InodeKind.directory,
      children: new Map(children),
    })),
}));

/** Keeps of a leaf only what its kind can have. */
function kindFields(leaf: {
  readonly kind: InodeKind;
  readonly rdev: number;
  readonly target: ByteString;
  readonly content: ByteString;
}) {
  const isDevice = leaf.kind === InodeKind.character || leaf.kind === InodeKind.block;
  const target = leaf.target.replaceAll('\0', 'x') as ByteString;
  return {
    rdev: isDevice ? leaf.rdev : 0,
    target: leaf.kind === InodeKind.symlink ? target : ('' as ByteString),
    content: Buffer.from(leaf.kind === InodeKind.regular ? leaf.content : '', 'latin1'),
  };
}

function build({ content, children, ...rest }: Draft, blob: TestBlob): BuildInode {
  if (children !== undefined) {
    const entries = [...children].map(
      ([name, inode]) => [name, { inode: build(inode, blob) }] as const,
    );
    return { ...directory({}), ...rest, children: new Map(entries) };
  }
  if (rest.kind === InodeKind.regular) {
    const { size, chunks } = file(blob, content);
    return { ...rest, size, chunks, children: undefined };
  }
  return { ...rest, chunks: undefined, children: undefined };
}

/** Content as the kernel reads it: by block address in the device file. */
function contentOf(bootstrap: Bootstrap, inode: RafsInode, device: Buffer): Buffer {
  const chunks = bootstrap.chunkEntries(inode).map(({ blockAddress }, index) => {
    const size = Math.min(CHUNK_SIZE, inode.size - index * CHUNK_SIZE);
    return device.subarray(blockAddress * 4096, blockAddress * 4096 + size);
  });
  return Buffer.concat(chunks);
}

function readBack(bootstrap: Bootstrap, nid: number, device: Buffer): Draft {
  const inode = bootstrap.inode(nid);
  const { kind, mode, uid, gid, seconds, nanoseconds, rdev } = inode;
  const common = { ...NOTHING, kind, mode, uid, gid, seconds, nanoseconds, rdev };
  const read = { ...common, xattrs: bootstrap.xattrs(inode).map(asInput), children: undefined };
  if (kind === InodeKind.symlink) return { ...read, target: bootstrap.symlinkTarget(inode) };
  if (kind === InodeKind.regular) return { ...read, content: contentOf(bootstrap, inode, device) };
  if (kind !== InodeKind.directory) return read;
  const children = [...bootstrap.directory(inode)].map(
    (entry) => [entry.name, readBack(bootstrap, entry.nid, device)] as const,
  );
  return { ...read, children: new Map(children) };
}

function asInput({ name, value }: Xattr) {
  return { name, value: byteString(value) };
}

/** Order of children and attributes is the format's, not the tree's. */
function canonical(tree: Draft): unknown {
  const children = [...(tree.children ?? [])]
    .toSorted(([a], [b]) => compareByteStrings(a, b))
    .map(([name, child]) => [name, canonical(child)]);
  const { kind, mode, uid, gid, seconds, nanoseconds, rdev, target } = tree;
  return {
    ...{ kind, mode, uid, gid, seconds, nanoseconds, rdev, target },
    xattrs: tree.xattrs.toSorted((a, b) => compareByteStrings(a.name, b.name)),
    content: tree.content.toString('latin1'),
    children: tree.children === undefined ? undefined : children,
  };
}

t.test('any tree', async (t) => {
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(draft, (tree) => {
        const root: Draft =
          tree.children === undefined
            ? { ...tree, ...NOTHING, kind: InodeKind.directory, children: new Map() }
            : tree;
        const blob = new TestBlob(CHUNK_SIZE);
        const input = inputOf(build(root, blob), blob);
        const bootstrap = openBootstrap(encodeBootstrap(input));
        verifyBootstrap(bootstrap);
        const read = readBack(bootstrap, bootstrap.rootNid, blob.device());
        const same = JSON.stringify(canonical(read)) === JSON.stringify(canonical(root));
        return same;
      }),
      { numRuns: 150 },
    ),
  );
});
