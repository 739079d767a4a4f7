/**
 * The torture image: three layers with everything that makes layers hard, in forms that umoci can
 * unpack, so that its tree is the reference. (It refuses global PAX headers, so those are not here.)
 */
import { createHash } from 'node:crypto';
import { buildLayout, type LayerCompression } from './oci-layout.ts';
import { type TarSpec, writeTar, writeTarEntry } from './tar-writer.ts';

/** Bytes that do not compress and are the same in every run. */
export function noise(length: number, seed: string): Buffer {
  const parts: Buffer[] = [];
  for (let made = 0, turn = 0; made < length; made += 64, turn++) {
    parts.push(createHash('sha512').update(`${seed}/${turn}`).digest());
  }
  return Buffer.concat(parts).subarray(0, length);
}

/**
 * Writes the torture image as an OCI layout with the tag `latest`; returns the directory. `mixed`
 * has one layer in each compression; old umoci knows gzip only, hence the default.
 */
export function buildTortureLayout(
  directory: string,
  compression: 'mixed' | LayerCompression = 'gzip',
  options: TortureOptions = {},
): string {
  const kinds: readonly LayerCompression[] = ['gzip', 'zstd', 'none'];
  const layers = tortureLayers(options).map((tar, index) => ({
    tar,
    compression: compression === 'mixed' ? (kinds[index] ?? 'gzip') : compression,
  }));
  return buildLayout({ directory, layers });
}

export type TortureOptions = {
  /** Names of entries to leave out, for judges with known limits. */
  readonly leaveOut?: readonly string[];
};

/** The archives of the layers, lowest first. */
export function tortureLayers({ leaveOut = [] }: TortureOptions = {}): Buffer[] {
  const root = writeTarEntry({ name: './', type: 'directory' });
  const isKept = ({ name }: TarSpec) => !leaveOut.includes(name.toString());
  return [
    Buffer.concat([root, writeTar(lowest().filter(isKept))]),
    writeTar(middle().filter(isKept)),
    writeTar(highest().filter(isKept)),
  ];
}

/** The capability `cap_net_raw+ep` as the kernel stores it. */
const CAP_NET_RAW = Buffer.from('0100000200200000000000000000000000000000', 'hex');
/** The ACL u::rwx,u:1000:r-x,g::r-x,m::r-x,o::r-x as the kernel stores it. */
const ACL = Buffer.from(
  '0200000001000700ffffffff02000500e803000004000500ffffffff10000500ffffffff20000500ffffffff',
  'hex',
);
const LONG_DIRECTORY = `long/${'n'.repeat(90)}`;
const LONG = `${LONG_DIRECTORY}/${'m'.repeat(120)}`;

function lowest(): TarSpec[] {
  const entries: TarSpec[] = [
    { name: './etc/', type: 'directory', mtime: 1_500_000_000 },
    { name: './etc/passwd', content: 'root:x:0:0::/root:/bin/sh\n', mode: 0o600 },
    { name: '/absolute', content: 'absolute name' },
    { name: 'late/file', content: 'its directory comes after it' },
    { name: 'late/', type: 'directory', mode: 0o700, uid: 12, gid: 34, mtime: 1_234_567_890 },
    { name: 'implicit/deep/file', content: 'no entry for its directories' },
    { name: 'empty-file' },
    { name: 'empty-directory/', type: 'directory', mode: 0o1777 },
    { name: 'big', content: noise(2_621_440 + 77, 'big'), uid: 3_000_000, gid: 4_000_000_000 },
    { name: 'zeros', content: Buffer.alloc(1_100_000) },
    { name: 'same-content-1', content: noise(70_000, 'same') },
    { name: 'same-content-2', content: noise(70_000, 'same') },
    { name: 'exactly-one-block', content: noise(4096, 'block') },
    { name: 'exactly-one-chunk', content: noise(1 << 20, 'chunk') },
    { name: 'one-byte', content: 'x' },
    { name: 'setuid', content: 'suid', mode: 0o4755 },
    { name: 'setgid', content: 'sgid', mode: 0o2755, gid: 7 },
    { name: 'hard-a', content: 'three names' },
    { name: 'hard-b', type: 'hardlink', link: 'hard-a' },
    { name: 'hard-c', type: 'hardlink', link: './hard-b' },
    { name: 'symlink', type: 'symlink', link: 'etc/passwd' },
    { name: 'dangling', type: 'symlink', link: '../../nowhere' },
    { name: 'long-target', type: 'symlink', link: `${'t/'.repeat(150)}end` },
    { name: 'null', type: 'character', device: [1, 3], mode: 0o666 },
    { name: 'disk', type: 'block', device: [259, 1_000], mode: 0o660 },
    { name: 'pipe', type: 'fifo', mode: 0o622 },
    { name: Buffer.from('not-utf8-\xff\xfe\x80', 'latin1'), content: 'bytes' },
    { name: 'new\nline', content: 'newline in its name' },
    { name: ' leading space', content: 'space' },
    { name: '-x', content: 'sorts before a dot' },
    { name: '.-a', content: 'sorts between the dots' },
    { name: 'back\\slash', content: 'backslash' },
    { name: 'long/', type: 'directory' },
    { name: `${LONG_DIRECTORY}/`, type: 'directory' },
    { name: LONG, content: 'long by PAX' },
    { name: `${LONG}-gnu`, content: 'long by GNU', gnuLongNames: true },
    { name: 'nanoseconds', content: 'ns', pax: { mtime: '1234567890.123456789' } },
    { name: 'old', content: 'before 1970', pax: { mtime: '-86399.75' } },
    { name: 'xattr', content: 'x', xattrs: { 'user.b': 'two', 'user.a': noise(200, 'xattr') } },
    {
      name: 'capable',
      content: 'cap',
      mode: 0o755,
      xattrs: { 'security.capability': CAP_NET_RAW },
    },
    { name: 'acl', content: 'acl', mode: 0o755, xattrs: { 'system.posix_acl_access': ACL } },
    { name: 'xattr-directory/', type: 'directory', xattrs: { 'user.on': 'directory' } },
    { name: 'xattr-directory/inner', content: 'inner' },
    { name: 'twice', content: 'first' },
    { name: 'twice', content: 'second wins', mode: 0o640 },
  ];
  for (const name of ['many/', 'opaque/', 'removed/', 'becomes-file/', 'becomes-symlink/']) {
    entries.push({ name, type: 'directory' });
  }
  for (let number = 0; number < 300; number++) {
    entries.push({
      name: `many/entry-${number.toString().padStart(4, '0')}`,
      content: `${number}`,
    });
  }
  for (const name of ['a', 'b', 'c']) {
    entries.push({ name: `opaque/${name}`, content: name });
    entries.push({ name: `removed/${name}`, content: name });
  }
  entries.push({ name: 'becomes-directory', content: 'a file below' });
  entries.push({ name: 'becomes-file/inner', content: 'a directory below' });
  entries.push({ name: 'becomes-symlink/inner', content: 'a directory below' });
  entries.push({ name: 'keep-mode/', type: 'directory', mode: 0o711 });
  entries.push({ name: 'keep-mode/below', content: 'below' });
  return entries;
}

function middle(): TarSpec[] {
  const entries: TarSpec[] = [
    { name: '.wh.empty-file', content: '' },
    { name: 'removed/', type: 'directory' },
    { name: 'removed/.wh.a', content: '' },
    { name: 'removed/.wh.never-there', content: '' },
    { name: 'opaque/', type: 'directory', mode: 0o750 },
    { name: 'opaque/.wh..wh..opq', content: '' },
    { name: 'opaque/new', content: 'only this is left' },
    { name: 'becomes-directory/', type: 'directory' },
    { name: 'becomes-directory/inner', content: 'a directory above a file' },
    { name: 'becomes-file', content: 'a file above a directory' },
    { name: 'becomes-symlink', type: 'symlink', link: 'etc' },
    { name: 'etc/', type: 'directory', mode: 0o751, mtime: 1_600_000_001 },
    { name: 'etc/passwd', content: 'replaced\n' },
    { name: 'hard-to-lower', type: 'hardlink', link: 'same-content-1' },
    { name: 'keep-mode/above', content: 'its directory has no entry here' },
    { name: 'same-content-3', content: noise(70_000, 'same') },
    { name: 'second-layer', content: noise(1_500_000, 'second') },
  ];
  return entries;
}

function highest(): TarSpec[] {
  return [
    { name: '.wh.same-content-2', content: '' },
    { name: 'hard-b', content: 'no longer a link' },
    { name: 'big', content: noise(3_000_000, 'big again'), mode: 0o444 },
    { name: 'third-layer/', type: 'directory' },
    { name: 'third-layer/hard', type: 'hardlink', link: 'second-layer' },
    { name: 'third-layer/file', content: noise(123_456, 'third') },
  ];
}
