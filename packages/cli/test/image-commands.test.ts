/** check, unpack, inspect, ls, cat and dump by the real command, on a small hard image. */
import { readdirSync, writeFileSync } from 'node:fs';
import { convertImage, openConvertedImage } from '@shoal/converter';
import { parseReference } from '@shoal/oci';
import { buildLayout, noise, runCommand, temporaryDirectory, writeTar } from '@shoal/test-kit';
import t from 'tap';
import { SHOAL, shoal, shoalHere } from './support/shoal.ts';

t.setTimeout(200_000);
const directory = temporaryDirectory(t);
const SOURCE = `oci:${directory}/source`;
const TARGET = `oci:${directory}/target`;
const FILE = `${directory}/image.boot`;
const content = noise(200_000, 'content');

t.before(async () => {
  const entries = [
    { name: 'etc/release', content: 'shoal\n', mode: 0o600 },
    { name: 'release', type: 'symlink', link: '/etc/release' },
    { name: 'data', content, xattrs: { 'user.note': 'x' } },
    { name: 'again', type: 'hardlink', link: 'data' },
    { name: Buffer.from('evil\x1b[31m\xff\n', 'latin1'), content: 'e' },
    { name: 'dangling', type: 'symlink', link: 'etc/gone' },
    { name: 'null', type: 'character', device: [1, 3] },
  ] as const;
  buildLayout({ directory: `${directory}/source`, layers: [{ tar: writeTar(entries) }] });
  const target = parseReference(`${TARGET}:latest`);
  await convertImage({ source: parseReference(SOURCE), target, chunkSizeBytes: 65536 });
  await using image = await openConvertedImage(target);
  writeFileSync(FILE, image.layer.bootstrap);
});

t.test('inspect', async (t) => {
  const image = await shoalHere('inspect', TARGET, '--json');
  t.equal(image.exitCode, 0, image.stderr);
  t.match(JSON.parse(image.stdout), {
    kind: 'converted',
    bootstrap: {
      chunkSizeBytes: 65536,
      tree: { files: 3, symlinks: 2, specials: 1, hardLinks: 1, bytes: 200_007 },
      blobs: [{ chunks: 6, compressor: 'zstd' }],
      limits: { blobs: { used: 1, max: 254 } },
    },
  });
  const file = await shoalHere('inspect', FILE, '--json');
  t.same(JSON.parse(file.stdout).bootstrap, JSON.parse(image.stdout).bootstrap);
  const ordinary = await shoalHere('inspect', SOURCE);
  t.match(ordinary.stdout, /^kind: ordinary$/m);
});

t.test('ls', async (t) => {
  const short = await shoalHere('ls', TARGET);
  t.equal(short.stdout, 'again\ndangling\ndata\netc\nevil\\x1b[31m\\xff\\n\nnull\nrelease\n');
  const long = await shoalHere('ls', '-lR', FILE);
  t.match(long.stdout, /^-rw------- {4}1 .* etc\/release$/m);
  t.match(long.stdout, /^-rw-r--r--\+ {3}2 .* 200000 .* again$/m);
  t.match(long.stdout, /^crw-r--r-- .* 1, 3 .* null$/m);
  t.match(long.stdout, /release -> \/etc\/release$/m);
  const json = await shoalHere('ls', '--json', TARGET, '/data');
  t.match(JSON.parse(json.stdout), [{ path: '/data', nlink: 2, xattrs: [{ name: 'user.note' }] }]);
  const missing = await shoalHere('ls', TARGET, '/no\x1bthing');
  t.equal(missing.exitCode, 1);
  t.equal(
    missing.stderr,
    'shoal ls: /no\\x1bthing is not in the image. See what is there with shoal ls.\n',
  );
});

t.test('cat', async (t) => {
  const whole = await shoalHere('cat', TARGET, '/release');
  t.equal(whole.stdout, 'shoal\n');
  const range = await runCommand('sh', [
    '-c',
    `"${SHOAL}" cat "${TARGET}" /data --offset 60k --length 10k | sha256sum`,
  ]);
  const expected = await runCommand('sha256sum', [], { input: content.subarray(61_440, 71_680) });
  t.equal(range.stdout, expected.stdout);
  const beyond = await shoalHere('cat', TARGET, '/data', '--offset', '1g');
  t.same([beyond.exitCode, beyond.stdout], [0, '']);
  for (const path of ['/etc', '/null', '/none']) {
    t.equal((await shoalHere('cat', TARGET, path)).exitCode, 1, path);
  }
  const dangling = await shoalHere('cat', TARGET, '/dangling');
  t.match(dangling.stderr, /dangling is a symlink to \/etc\/gone, which is not in the image/);
  const file = await shoalHere('cat', FILE, '/data');
  t.match(file, { exitCode: 2, stderr: /a bootstrap file holds no file contents/ });
  const ordinary = await shoalHere('cat', SOURCE, '/data');
  t.match(ordinary.stderr, /is not a converted image.*shoal convert/);
});

t.test('a reader that stops early is no failure', async (t) => {
  const script = `"${SHOAL}" cat "${TARGET}" /data; echo $? >&3`;
  const piped = await runCommand('bash', ['-c', `exec 3>&2; (${script}) | head -c 1 >/dev/null`]);
  t.equal(piped.stderr, '0\n');
});

t.test('dump', async (t) => {
  const superblock = await shoalHere('dump', FILE, '--json');
  t.match(JSON.parse(superblock.stdout), { superblock: { rootNid: 128 } });
  const inode = await shoalHere('dump', TARGET, 'inode', '/data', '--json');
  const { nid, chunks } = JSON.parse(inode.stdout);
  t.equal(chunks.length, 4);
  const byNumber = await shoalHere('dump', FILE, 'inode', `#${nid}`, '--json');
  t.equal(JSON.parse(byNumber.stdout).nid, nid);
  t.equal(JSON.parse((await shoalHere('dump', FILE, 'chunks', '0', '--json')).stdout).length, 6);
  t.match((await shoalHere('dump', FILE, 'blobs')).stdout, /blob index: 0/);
  for (const args of [
    ['inode', '#99999'],
    ['inode', '/none'],
    ['chunks', '7'],
  ]) {
    t.equal((await shoalHere('dump', FILE, ...args)).exitCode, 1, args.join(' '));
  }
});

t.test('check and unpack', async (t) => {
  const equal = await shoal('check', '--source', SOURCE, '--target', TARGET);
  t.equal(equal.exitCode, 0, equal.stdout + equal.stderr);
  t.match(equal.stdout, /the images are equal\n$/);
  const plain = `oci:${directory}/plain:tag`;
  const unpacked = await shoalHere('unpack', '--source', TARGET, '--target', plain);
  t.equal(unpacked.exitCode, 0, unpacked.stderr);
  const back = await shoalHere('check', '--source', SOURCE, '--target', plain, '--json');
  t.equal(JSON.parse(back.stdout).isEqual, true);
  buildLayout({
    directory: `${directory}/other`,
    layers: [{ tar: writeTar([{ name: 'data', content: 'x' }]) }],
  });
  const other = await shoalHere('check', '--source', `oci:${directory}/other`, '--target', TARGET);
  t.equal(other.exitCode, 1);
  t.match(other.stdout, /^different: tree \/data: size: source has 1, target has 200000$/m);
  const before = readdirSync(directory).sort();
  const same = await shoalHere('unpack', '--source', TARGET, '--target', TARGET);
  t.match(same, { exitCode: 2, stderr: /is the source itself/ });
  const failed = await shoalHere('unpack', '--source', SOURCE, '--target', `oci:${directory}/new`);
  t.equal(failed.exitCode, 1);
  t.same(readdirSync(directory).sort(), before, 'nothing is left behind');
});
