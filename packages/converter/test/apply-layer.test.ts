/**
 * Layers replayed onto a tree, compared with what umoci unpacks as root from the same archives:
 * names, types, modes, owners, times, attributes, link identities, content.
 */
import t from 'tap';
import { ChunkIndexOfContent, replay } from './support/replay.ts';
import { tarOf } from './support/tar-builder.ts';
import { skipOptions } from './support/tools.ts';
import type { Line } from './support/tree-listing.ts';
import { listDirectory, listTree } from './support/tree-listing.ts';
import { makeLayout, unpackWithUmoci, whyNoUmoci } from './support/umoci-image.ts';

const dir = (name: string, more = {}) => ({ name, type: 'directory' as const, ...more });
const link = (name: string, to: string) => ({ name, type: 'hardlink' as const, link: to });
const symlink = (name: string, to: string) => ({ name, type: 'symlink' as const, link: to });
const file = (name: string, content = name, more = {}) => ({ name, content, ...more });

const CASES: Readonly<Record<string, Buffer[]>> = {
  'names with ./, slashes and dots': [
    tarOf(
      dir('./'),
      dir('./a/'),
      file('/a/abs'),
      file('a//double'),
      file('a/../up'),
      file('../../x'),
    ),
  ],
  'directories after their content': [
    tarOf(
      dir('./', { mtime: 5 }),
      dir('d', { mtime: 9 }),
      file('d/f'),
      dir('d', { mode: 0o700, mtime: 3 }),
    ),
  ],
  'duplicate entries': [tarOf(dir('.'), file('f', 'one'), link('g', 'f'), file('f', 'two'))],
  whiteouts: [
    tarOf(dir('.'), dir('d'), file('d/a'), file('d/b'), file('top'), dir('e'), file('e/x')),
    tarOf(file('d/.wh.a', ''), file('.wh.top', ''), file('.wh.e', ''), file('.wh.nothing', '')),
  ],
  'opaque before and after new content': [
    tarOf(dir('.'), dir('d'), file('d/old'), dir('d/s'), file('d/s/old'), dir('e'), file('e/old')),
    tarOf(
      dir('d'),
      file('d/new'),
      file('d/s/new'),
      file('d/.wh..wh..opq', ''),
      file('e/.wh..wh..opq', ''),
      file('e/new'),
    ),
  ],
  'whiteout of a directory touched in the same layer': [
    tarOf(dir('.'), dir('d'), file('d/old'), dir('d/k'), file('d/k/o')),
    tarOf(file('d/new'), file('.wh.d', ''), dir('d/k'), file('d/k/n')),
  ],
  'other .wh..wh. names': [
    tarOf(
      dir('.'),
      dir('.wh.d'),
      file('.wh.d/in'),
      file('.wh..wh.plnk', ''),
      file('.wh..wh.aufs', ''),
    ),
  ],
  'file over directory and directory over file': [
    tarOf(dir('.'), dir('d'), file('d/x'), file('f'), symlink('l', 'd')),
    tarOf(file('d', 'now a file'), dir('f'), file('f/y'), dir('l'), file('l/z')),
  ],
  'through symlinked parents': [
    tarOf(
      dir('.'),
      dir('usr'),
      dir('usr/lib'),
      symlink('lib', 'usr/lib'),
      symlink('abs', '/usr'),
      symlink('up', '../../usr'),
    ),
    tarOf(
      file('lib/a'),
      file('abs/lib/b'),
      file('up/c'),
      file('lib/.wh.nothing', ''),
      link('hard', 'lib/a'),
    ),
    tarOf(file('lib/.wh.a', '')),
  ],
  hardlinks: [
    tarOf(
      dir('.'),
      file('f', 'data', { mode: 0o4755, uid: 7 }),
      link('g', './f'),
      symlink('s', 'f'),
      link('s2', 's'),
      link('h', 'g'),
    ),
    tarOf(link('upper', 'f'), link('upper-s', 's'), file('.wh.g', '')),
    tarOf(file('f', 'changed')),
  ],
  'modes, owners, times': [
    tarOf(
      dir('.', { mtime: 1 }),
      file('neg', 'x', { mtime: -86401, nanoseconds: 250000001 }),
      file('epoch', '', { mtime: 0 }),
      file('ns', 'x', { nanoseconds: 999999999 }),
      file('ids', 'x', { uid: 3_000_000, gid: 4_000_000_000 }),
      dir('sticky', { mode: 0o1777 }),
      dir('setgid', { mode: 0o2755, gid: 50 }),
      file('none', 'x', { mode: 0 }),
    ),
  ],
  'devices and fifos': [
    tarOf(
      dir('.'),
      { name: 'c', type: 'character', device: [5, 300], mode: 0o600 },
      { name: 'b', type: 'block', device: [259, 70000] },
      { name: 'p', type: 'fifo', device: [1, 1] },
      { name: 'zero', type: 'character', device: [0, 0] },
    ),
  ],
  attributes: [
    tarOf(
      dir('.'),
      file('caps', 'x', {
        xattrs: {
          'security.capability': Buffer.from('0100000200200000000000000000000000000000', 'hex'),
        },
      }),
      file('user', 'x', {
        xattrs: { 'user.bin': Buffer.from([0, 10, 61, 255]), 'user.b': 'v', 'trusted.t': '1' },
      }),
      dir('acl', {
        mode: 0o750,
        xattrs: { 'system.posix_acl_default': acl([1, 7], [2, 6, 1000], [4, 5], [16, 7], [32, 0]) },
      }),
      file('aclfile', 'x', {
        mode: 0o600,
        xattrs: { 'system.posix_acl_access': acl([1, 7], [2, 6, 1000], [4, 4], [16, 6], [32, 4]) },
      }),
      file('aclplain', 'x', {
        mode: 0o600,
        xattrs: { 'system.posix_acl_access': acl([1, 7], [4, 5], [32, 1]) },
      }),
      file('selinux', 'x', { xattrs: { 'security.selinux': 'system_u:object_r:etc_t:s0\0' } }),
    ),
    tarOf(dir('acl', { mode: 0o700 })),
  ],
  'names that are not text': [
    tarOf(
      dir('.'),
      { name: Buffer.from([0x61, 0xff, 0xfe]), content: 'x' },
      file('new\nline'),
      file('\\back'),
      file(' '),
      file('-x'),
      file('n'.repeat(255)),
      file(`${'d'.repeat(100)}/${'e'.repeat(100)}/${'f'.repeat(200)}`),
    ),
  ],
};

function acl(...entries: [number, number, number?][]): Buffer {
  const bytes = Buffer.alloc(4 + 8 * entries.length);
  bytes.writeUInt32LE(2, 0);
  for (const [index, [tag, permissions, id]] of entries.entries()) {
    bytes.writeUInt16LE(tag, 4 + index * 8);
    bytes.writeUInt16LE(permissions, 6 + index * 8);
    bytes.writeUInt32LE(id ?? 0xffffffff, 8 + index * 8);
  }
  return bytes;
}

/**
 * Directories that umoci leaves with the time of its own clock: parents nobody described, the
 * parents those are made in, and directories below a whiteout that lost something. No image can
 * reproduce them; ours keep the time they had (the epoch when new).
 */
function withoutClockTimes(got: readonly Line[], expected: readonly Line[], startNs: bigint) {
  const clock = new Set(expected.filter((l) => BigInt(l.mtime) >= startNs).map((l) => l.path));
  return [got, expected].map((lines) =>
    lines.map((line) => (clock.has(line.path) ? { ...line, mtime: '' } : line)),
  );
}

for (const [name, layers] of Object.entries(CASES)) {
  t.test(`like umoci: ${name}`, skipOptions(whyNoUmoci()), async (t) => {
    const startNs = BigInt(Date.now()) * 1_000_000n;
    const image = makeLayout(layers);
    t.teardown(image.close);
    const expected = listDirectory(unpackWithUmoci(image.image, image.dir));
    const contents = new ChunkIndexOfContent();
    const tree = replay(layers, contents);
    const got = listTree(tree, (inode) => contents.digestOf(inode));
    const [ours, theirs] = withoutClockTimes(got, expected, startNs);
    t.same(ours, theirs);
  });
}

const REFUSED: Readonly<Record<string, Buffer[]>> = {
  'hard link to nothing': [tarOf(link('a', 'b'))],
  'hard link to itself': [tarOf(file('a'), link('a', 'a'))],
  'hard link to a directory': [tarOf(dir('d'), link('a', 'd'))],
  'file below a file': [tarOf(file('f'), file('f/x'))],
  'root as a symlink': [tarOf(symlink('./', '/etc'))],
  'empty symlink': [tarOf(symlink('l', ''))],
  'symlink loop in the path': [tarOf(symlink('a', 'b'), symlink('b', 'a'), file('a/x'))],
  'whiteout of the parent': [tarOf(dir('d'), file('d/.wh...', ''))],
};

for (const [name, layers] of Object.entries(REFUSED)) {
  t.test(`refused: ${name}`, async (t) => {
    t.throws(() => replay(layers, new ChunkIndexOfContent()), {
      code: 'ERR_CONVERTER_LAYER_ENTRY',
    });
  });
}

t.test('an implicit parent inherits the group of a setgid directory', async (t) => {
  const tree = replay(
    [tarOf(dir('g', { mode: 0o2775, gid: 9 }), file('g/new/f'))],
    new ChunkIndexOfContent(),
  );
  const made = tree.children.get('g' as never)?.inode.children?.get('new' as never)?.inode;
  t.match(made, { mode: 0o2755, gid: 9, seconds: 0 });
});
