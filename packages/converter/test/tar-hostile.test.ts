import { ShoalError } from '@shoal/errors';
import { TAR_FIELD, writeTarChecksum, writeTarNumber } from '@shoal/oci';
import fc from 'fast-check';
import t from 'tap';
import { decode, paxEntry, record } from './support/decode-tar.ts';
import { tarEntry, tarOf } from './support/tar-builder.ts';

const bad = (edit: (block: Buffer) => void, more: Buffer = Buffer.alloc(0)) => {
  const entry = Buffer.from(tarEntry({ name: 'victim', content: 'x' }));
  edit(entry);
  return Buffer.concat([more, entry]);
};

const REFUSED: Readonly<Record<string, [string, Buffer]>> = {
  checksum: ['TAR_CHECKSUM', bad((b) => b.write('9', 0))],
  'number field': [
    'TAR_HEADER',
    bad((b) => {
      b.write('zz', 108);
      writeTarChecksum(b);
    }),
  ],
  'negative size': [
    'TAR_HEADER',
    bad((b) => {
      writeTarNumber(b, TAR_FIELD.size, -5);
      writeTarChecksum(b);
    }),
  ],
  'negative owner': [
    'TAR_LIMIT',
    bad((b) => {
      writeTarNumber(b, TAR_FIELD.uid, -1);
      writeTarChecksum(b);
    }),
  ],
  'unknown type': [
    'TAR_TYPE',
    bad((b) => {
      b.write('V', 156);
      writeTarChecksum(b);
    }),
  ],
  'huge file': [
    'TAR_LIMIT',
    bad((b) => {
      writeTarNumber(b, TAR_FIELD.size, 2 ** 50);
      writeTarChecksum(b);
    }),
  ],
  'huge PAX header': [
    'TAR_LIMIT',
    bad((b) => {
      b.write('x', 156);
      writeTarNumber(b, TAR_FIELD.size, 2 ** 30);
      writeTarChecksum(b);
    }),
  ],
  'PAX length': ['TAR_HEADER', bad(() => {}, paxEntry('x', '99 a=b\n'))],
  'PAX without key': ['TAR_HEADER', bad(() => {}, paxEntry('x', '5 =b\n'))],
  'PAX NUL in path': ['TAR_HEADER', bad(() => {}, paxEntry('x', record('path', 'a\0b')))],
  'PAX size': ['TAR_HEADER', bad(() => {}, paxEntry('x', record('size', '-1')))],
  'sparse overlap': [
    'TAR_HEADER',
    bad(
      () => {},
      paxEntry('x', record('GNU.sparse.map', '0,1,0,1') + record('GNU.sparse.size', '9')),
    ),
  ],
  'sparse beyond size': [
    'TAR_HEADER',
    bad(() => {}, paxEntry('x', record('GNU.sparse.map', '9,1') + record('GNU.sparse.size', '9'))),
  ],
  'long attribute value': [
    'TAR_LIMIT',
    bad(() => {}, paxEntry('x', record('SCHILY.xattr.user.a', 'v'.repeat(70000)))),
  ],
};

for (const [what, [code, archive]] of Object.entries(REFUSED)) {
  t.test(`refused with a code: ${what}`, async (t) => {
    t.throws(() => decode(archive), { code: `ERR_CONVERTER_${code}` });
  });
}

t.test('fuzz: mutated archives end in entries or coded errors', async (t) => {
  const seed = tarOf(
    { name: 'n'.repeat(150), content: 'abc'.repeat(300), xattrs: { 'user.a': 'v' } },
    { name: 'dir/', type: 'directory' },
    { name: 'l', type: 'symlink', link: 'x'.repeat(120), mtime: -5, nanoseconds: 3 },
  );
  const mutation = fc.array(fc.tuple(fc.nat(seed.length - 1), fc.nat(255)), {
    minLength: 1,
    maxLength: 6,
  });
  fc.assert(
    fc.property(mutation, fc.boolean(), fc.integer({ min: 1, max: 999 }), (edits, fix, split) => {
      const archive = Buffer.from(seed);
      for (const [at, byte] of edits) archive[at] = byte;
      // Half of the runs get past the checksum.
      if (fix)
        for (let at = 0; at < archive.length; at += 512) {
          const block = archive.subarray(at, at + 512);
          if (block.toString('latin1', 257, 262) === 'ustar') writeTarChecksum(block);
        }
      try {
        decode(archive, () => split);
      } catch (error) {
        if (!(error instanceof ShoalError)) throw error;
      }
    }),
    { numRuns: 2000 },
  );
  t.pass();
});
