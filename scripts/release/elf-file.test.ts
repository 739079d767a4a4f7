/** What is read from ELF files: Node itself is one, and the parts beside it. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { dependencies } from './debian-package.ts';
import { isElf, parseElf } from './elf-file.ts';

t.test('the Node that runs this', async (t) => {
  const bytes = readFileSync(process.execPath);
  t.ok(isElf(bytes));
  const elf = parseElf(bytes);
  t.equal(elf.machine, process.arch);
  t.ok(elf.needs.includes('libc.so.6'));
  t.match(elf.glibc, [2, Number]);
  const [first, ...others] = dependencies([{ elfFiles: [elf] }]);
  t.match(first, /^libc6 \(>= 2\.\d+\)$/);
  t.same(others, ['libgcc-s1', 'libstdc++6', 'mount']);
});

t.test('what is something else, or cut off', async (t) => {
  t.notOk(isElf(Buffer.from('#!/bin/sh\n')));
  t.notOk(isElf(Buffer.alloc(0)));
  t.throws(() => parseElf(Buffer.from('#!/bin/sh\n')), RangeError);
  const start = readFileSync(process.execPath).subarray(0, 4096);
  t.throws(() => parseElf(start), RangeError, 'its sections are missing');
  const sparc = Buffer.from(start);
  sparc.writeUInt16LE(43, 18);
  t.throws(() => parseElf(sparc), { message: 'ELF for machine 43' });
});

t.test('a library that no Debian package is known for', async (t) => {
  const elf = { machine: 'x64', needs: ['libodd.so.1'], glibc: undefined } as const;
  t.throws(() => dependencies([{ elfFiles: [elf] }]), { message: /libodd\.so\.1/ });
});
