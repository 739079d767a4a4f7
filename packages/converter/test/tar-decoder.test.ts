/**
 * The tar reader against archives of GNU tar and of its own encoder: goldens, any split of the
 * input, truncation and mutation. Whatever comes in, it ends in entries or in a coded error.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ShoalError } from '@shoal/errors';
import { readTarNumber, TAR_FIELD, writeTarNumber } from '@shoal/oci';
import fc from 'fast-check';
import t from 'tap';
import { formatPaxTime, parsePaxTime } from '../src/tar/pax.ts';
import { encodeTarEntry } from '../src/tar/tar-encoder.ts';
import { decode, paxEntry, record } from './support/decode-tar.ts';
import { tarEntry, tarOf } from './support/tar-builder.ts';
import { isToolThere, skipOptions } from './support/tools.ts';

const names = (archive: Buffer) => decode(archive).map(({ name }) => name.toString());

t.test('own encoder round trip keeps every field', async (t) => {
  const input = {
    name: Buffer.from([0x61, 0xff, 0x0a, 0x62]),
    type: 'regular' as const,
    mode: 0o6755,
    uid: 4_000_000_000,
    gid: 2_097_152,
    size: 3,
    mtime: { seconds: -2, nanoseconds: 500_000_000 },
    linkName: Buffer.alloc(0),
    deviceMajor: 0,
    deviceMinor: 0,
    xattrs: [
      { name: Buffer.from('user.a'), value: Buffer.from([0, 0x0a, 0x3d]) },
      { name: Buffer.from('user.x=y'), value: Buffer.from('v') },
    ],
  };
  const archive = Buffer.concat([encodeTarEntry(input), Buffer.alloc(512), Buffer.alloc(1024)]);
  const digest = createHash('sha1').update(Buffer.alloc(3)).digest('hex');
  t.same(decode(archive), [{ ...input, digest }]);
});

t.test('property: decode(encode(entry)) is the entry, however the bytes are split', async (t) => {
  const arbitrary = fc.record({
    name: fc
      .uint8Array({ minLength: 1, maxLength: 300 })
      .map((b) => Buffer.from(b.map((c) => c || 1))),
    uid: fc.nat(0xffff_fffe),
    gid: fc.nat(0xffff_fffe),
    mode: fc.nat(0o7777),
    seconds: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
    nanoseconds: fc.nat(999_999_999),
    content: fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes)),
    value: fc.uint8Array({ minLength: 1, maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
    split: fc.integer({ min: 1, max: 1500 }),
  });
  fc.assert(
    fc.property(fc.array(arbitrary, { maxLength: 5 }), (specs) => {
      const archive = tarOf(
        ...specs.map((s) => ({ ...s, mtime: s.seconds, xattrs: { 'user.k': s.value } })),
      );
      const got = decode(archive, () => specs[0]?.split ?? 1);
      return got.every((entry, index) => {
        const spec = specs[index];
        return (
          spec !== undefined &&
          entry.name.equals(spec.name) &&
          entry.uid === spec.uid &&
          entry.gid === spec.gid &&
          entry.mode === spec.mode &&
          entry.mtime.seconds === spec.seconds &&
          entry.mtime.nanoseconds === spec.nanoseconds &&
          entry.size === spec.content.length &&
          (entry.xattrs[0]?.value.equals(spec.value) ?? false)
        );
      });
    }),
    { numRuns: 200 },
  );
  t.pass();
});

t.test(
  'GNU tar: every format and sparse version, split byte by byte',
  skipOptions(isToolThere('tar') ? undefined : 'tar is not installed'),
  async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'tar-'));
    t.teardown(() => rmSync(dir, { recursive: true, force: true }));
    const shell = (script: string) => execFileSync('sh', ['-ec', script], { cwd: dir });
    shell(`mkdir d; printf hello > d/f; ln d/f d/g; ln -s f d/l; mkfifo d/p
    touch -d @-1.5 d/f; n=$(printf 'n%.0s' $(seq 200)); printf long > d/$n; ln d/$n d/x$n; ln -s $n d/s
    truncate -s 3000000 d/sparse; printf x | dd of=d/sparse bs=1 seek=1000000 conv=notrunc status=none
    printf y | dd of=d/sparse bs=1 seek=2999999 conv=notrunc status=none; truncate -s 100000 d/hole
    i=0; : > d/many; while [ $i -lt 60 ]; do printf z | dd of=d/many bs=1 seek=$((i*20000)) conv=notrunc status=none; i=$((i+1)); done`);
    const sha1 = (name: string) =>
      createHash('sha1')
        .update(readFileSync(`${dir}/d/${name}`))
        .digest('hex');
    const variants = [
      '--format=gnu -S',
      '--format=posix',
      '--format=posix -S --sparse-version=0.0',
      '--format=posix -S --sparse-version=0.1',
      '--format=posix -S --sparse-version=1.0',
    ];
    for (const variant of variants) {
      shell(`tar ${variant} --sort=name -cf a.tar d`);
      const archive = readFileSync(`${dir}/a.tar`);
      const whole = decode(archive);
      const find = (name: string) => whole.find((entry) => entry.name.toString() === `d/${name}`);
      for (const name of ['sparse', 'hole', 'many', 'f']) {
        t.equal(find(name)?.digest, sha1(name), `${variant}: ${name}`);
      }
      t.match(find('g'), { type: 'hardlink', linkName: Buffer.from('d/f') }, variant);
      t.match(find(`x${'n'.repeat(200)}`)?.linkName.length, 202, variant);
      const posix = variant.includes('posix');
      t.same(find('f')?.mtime, { seconds: -2, nanoseconds: posix ? 500_000_000 : 0 }, variant);
      t.same(
        decode(archive, () => 1),
        whole,
        `${variant}: byte by byte`,
      );
      t.same(decode(archive, stepsOf(variant)), whole, `${variant}: random`);
    }
  },
);

t.test('numbers: octal, blanks, base-256 both signs', async (t) => {
  const block = Buffer.alloc(512);
  for (const value of [0, 1, 8 ** 11 - 1, 8 ** 11, 2 ** 52, -1, -(2 ** 40)]) {
    writeTarNumber(block, TAR_FIELD.mtime, value);
    t.equal(readTarNumber(block, TAR_FIELD.mtime), value);
  }
  block.write('   17 \0     ', TAR_FIELD.mtime.offset, 'latin1');
  t.equal(readTarNumber(block, TAR_FIELD.mtime), 15);
  block.write('12x4567 8999', TAR_FIELD.mtime.offset, 'latin1');
  t.equal(readTarNumber(block, TAR_FIELD.mtime), undefined);
});

t.test('PAX times both ways', async (t) => {
  const times = ['0', '1.5', '-1.5', '-0.000000001', '1600000000.999999999', '-86400'];
  for (const text of times) {
    const time = parsePaxTime(text);
    t.equal(time && formatPaxTime(time), text);
  }
  t.same(parsePaxTime('-0.5'), { seconds: -1, nanoseconds: 500_000_000 });
  t.same(parsePaxTime('1.1234567899'), { seconds: 1, nanoseconds: 123_456_789 });
  for (const bad of ['', '-', '1e3', '1.2.3', ' 1']) t.equal(parsePaxTime(bad), undefined, bad);
});

t.test('global PAX records apply to what follows, files override them', async (t) => {
  const archive = Buffer.concat([
    paxEntry('g', record('mtime', '7.5') + record('uid', '9') + record('comment', 'x')),
    tarEntry({ name: 'a', uid: 1 }),
    paxEntry('x', record('uid', '3') + record('hdrcharset', 'BINARY') + record('path', 'b\xff')),
    tarEntry({ name: 'ignored' }),
    paxEntry('x', record('uid', '')),
    tarEntry({ name: 'c', uid: 5 }),
    Buffer.alloc(1024),
  ]);
  const [a, b, c] = decode(archive);
  t.match(a, { uid: 9, mtime: { seconds: 7, nanoseconds: 500_000_000 } });
  t.match(b, { uid: 3, name: Buffer.from([0x62, 0xff]) });
  t.match(c, { uid: 5 }, 'an empty value takes the global record back');
});

t.test('bsdtar attributes', async (t) => {
  const archive = Buffer.concat([
    paxEntry('x', record('LIBARCHIVE.xattr.user.a%3Db', Buffer.from([0, 255]).toString('base64'))),
    tarEntry({ name: 'a' }),
  ]);
  t.match(decode(archive)[0]?.xattrs, [
    { name: Buffer.from('user.a=b'), value: Buffer.from([0, 255]) },
  ]);
});

t.test('ends: without zero blocks, one block, rubbish after two', async (t) => {
  const entry = tarEntry({ name: 'a', content: 'x' });
  t.same(names(entry), ['a']);
  t.same(names(Buffer.concat([entry, Buffer.alloc(512)])), ['a']);
  t.same(names(Buffer.concat([entry, Buffer.alloc(1024), Buffer.from('rubbish')])), ['a']);
  t.same(names(Buffer.alloc(0)), []);
  t.throws(() => names(Buffer.concat([Buffer.alloc(512), entry])), {
    code: 'ERR_CONVERTER_TAR_CHECKSUM',
  });
});

t.test('every truncation is an error or a whole number of entries', async (t) => {
  const archive = tarOf(
    { name: 'n'.repeat(150), content: 'x'.repeat(700) },
    { name: 'b', xattrs: { 'user.a': 'v' } },
  );
  for (let length = 0; length < archive.length - 1024; length++) {
    try {
      decode(archive.subarray(0, length));
    } catch (error) {
      if (!(error instanceof ShoalError)) throw error;
      if (error.code !== 'ERR_CONVERTER_TAR_TRUNCATED') throw error;
    }
  }
  t.throws(() => decode(archive.subarray(0, 2000)), { code: 'ERR_CONVERTER_TAR_TRUNCATED' });
});

t.test("an archive may end after its last content, as umoci 0.4.7's do", async (t) => {
  const entry = tarEntry({ name: 'a', content: 'x'.repeat(600) });
  const end = 512 + 600;
  for (const length of [end, end + 1, entry.length - 1, entry.length]) {
    t.same(names(entry.subarray(0, length)), ['a']);
  }
  // A file without its last byte, half a header, and a long name that names nothing.
  const longName = tarOf({ name: 'n'.repeat(150) }).subarray(0, 512 + 151);
  for (const bytes of [
    entry.subarray(0, end - 1),
    Buffer.concat([entry, entry.subarray(0, 100)]),
    longName,
  ]) {
    t.throws(() => decode(bytes), { code: 'ERR_CONVERTER_TAR_TRUNCATED' });
  }
});

t.test('names the entry and its offset', async (t) => {
  const archive = Buffer.concat([
    tarEntry({ name: 'ok' }),
    tarEntry({ name: 'bad\nname', content: 'x'.repeat(600) }).subarray(0, 700),
  ]);
  t.throws(() => decode(archive), { message: /bad\\nname at offset 512/ });
});

/** Lengths of pieces that look random and are the same every time. */
function stepsOf(seed: string): () => number {
  let state = createHash('sha1').update(seed).digest().readUInt32LE();
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return 1 + (state % 3000);
  };
}
