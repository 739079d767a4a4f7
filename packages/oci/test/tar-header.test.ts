/** Headers that tar itself reads, and fields as historic writers leave them. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  encodeTarHeader,
  isTarChecksumRight,
  readTarName,
  readTarNumber,
  TAR_BLOCK_SIZE,
  TAR_FIELD,
  tarPadding,
  writeTarNumber,
} from '@shoal/oci';
import { runChecked, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';

t.test('tar lists what was packed', async (t) => {
  const path = join(temporaryDirectory(t), 'packed.tar');
  const content = Buffer.alloc(700, 'x');
  const parts = [
    encodeTarHeader('d/', { type: '5', mode: 0o755, size: 0 }),
    encodeTarHeader('d/file', { type: '0', mode: 0o640, size: content.length }),
    content,
    Buffer.alloc(tarPadding(content.length) + 2 * TAR_BLOCK_SIZE),
  ];
  writeFileSync(path, Buffer.concat(parts));
  const { stdout } = await runChecked('tar', ['-tvf', path, '--numeric-owner', '--utc']);
  t.match(stdout, /^drwxr-xr-x 0\/0 +0 1970-01-01 00:00 d\/\n-rw-r----- 0\/0 +700 /);
  t.throws(() => encodeTarHeader('n'.repeat(101), { type: '0', mode: 0, size: 0 }), RangeError);
});

t.test('numbers: what fits octal digits, what does not, rubbish', async (t) => {
  const block = Buffer.alloc(TAR_BLOCK_SIZE);
  for (const value of [0, 8 ** 11 - 1, 8 ** 11, 2 ** 53 - 1, -1, -(2 ** 40)]) {
    writeTarNumber(block, TAR_FIELD.size, value);
    t.equal(readTarNumber(block, TAR_FIELD.size), value);
  }
  block.write('12x4567 8999', TAR_FIELD.size.offset, 'latin1');
  t.equal(readTarNumber(block, TAR_FIELD.size), undefined);
});

t.test('a prefix belongs to the name in ustar only', async (t) => {
  const block = encodeTarHeader('file', { type: '0', mode: 0o644, size: 0 });
  t.ok(isTarChecksumRight(block));
  block.write('some/where', TAR_FIELD.prefix.offset, 'latin1');
  t.notOk(isTarChecksumRight(block));
  t.equal(readTarName(block).toString(), 'some/where/file');
  block.write('ustar  \0', TAR_FIELD.magic.offset, 'latin1');
  t.equal(readTarName(block).toString(), 'file');
});
