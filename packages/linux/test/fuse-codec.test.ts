/** FUSE messages: byte goldens, sizes of structures, refusals, INIT. */
import fc from 'fast-check';
import t from 'tap';
import { agreeOnInit, canResend, encodeInitReply, parseInitAgreement } from '../src/fuse/init.ts';
import * as structs from '../src/fuse/kernel-structs.ts';
import {
  encodeAttributesReply,
  encodeDirectoryReply,
  encodeEntryReply,
  encodeErrorReply,
  encodeOpenReply,
  encodeResend,
  encodeStatfsReply,
} from '../src/fuse/reply.ts';
import { decodeRequest, uniqueOf } from '../src/fuse/request.ts';
import { defineStruct } from '../src/fuse/struct-codec.ts';
import { fuseMessage, READ_MESSAGE } from './support/fuse-messages.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

t.test('structures have the sizes and offsets of the kernel header', async (t) => {
  // sizeof and offsetof of include/uapi/linux/fuse.h; a structure that is followed by its
  // fuse_attr (88 bytes) is described without it.
  t.equal(structs.inHeader.size, 40);
  t.equal(structs.outHeader.size, 16);
  t.equal(structs.initOut.size, 64);
  t.equal(structs.attr.size, 88);
  t.equal(structs.entryOut.size + structs.attr.size, 128);
  t.equal(structs.attrOut.size + structs.attr.size, 104);
  t.equal(structs.openOut.size, 16);
  t.equal(structs.readIn.size, 40);
  t.equal(structs.kstatfs.size, 80);
  t.equal(structs.dirent.size, 24);
  t.match(structs.readIn.offsets, { offset: 8, size: 16 });
  t.match(structs.inHeader.offsets, { unique: 8, nodeid: 16 });
  t.match(structs.initOut.offsets, { max_pages: 28, flags2: 32 });
  t.match(structs.entryOut.offsets, { attr_valid: 24 });
});

t.test('a field table that does not fit its size or alignment is refused at once', async (t) => {
  t.throws(() => defineStruct('wrong', 8, { a: 'u32' }), /has 4 bytes, not 8/);
  t.throws(() => defineStruct('wrong', 12, { a: 'u32', b: 'u64' }), /not aligned/);
});

t.test('structures decode what they encode', async (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 88, maxLength: 88 }), (bytes) => {
      const buffer = Buffer.from(bytes);
      for (const struct of [structs.attr, structs.kstatfs, structs.inHeader]) {
        const values: Record<string, number | bigint> = struct.decode(buffer);
        const encode: (from: Record<string, number | bigint>) => Buffer = struct.encode;
        if (!encode(values).equals(buffer.subarray(0, struct.size))) throw new Error(struct.name);
      }
    }),
    { numRuns: 200 },
  );
  t.pass('200 random structures');
});

t.test('requests decode from their bytes', async (t) => {
  t.same(decodeRequest(READ_MESSAGE), {
    kind: 'read',
    unique: 0x8000_0000_0000_0a0cn,
    nodeId: 0x1122,
    offset: 0x0100_0000,
    size: 0x2_0000,
  });
  const { Opcode } = structs;
  t.match(decodeRequest(fuseMessage(Opcode.LOOKUP, hex('626c6f622d313000'))), {
    kind: 'lookup',
    name: 'blob-10',
  });
  for (const [opcode, kind] of [
    [Opcode.GETATTR, 'getattr'],
    [Opcode.OPEN, 'open'],
    [Opcode.OPENDIR, 'opendir'],
    [Opcode.RELEASE, 'release'],
    [Opcode.STATFS, 'statfs'],
    [Opcode.DESTROY, 'destroy'],
    [Opcode.FORGET, 'forget'],
    [Opcode.INTERRUPT, 'no-reply'],
    [999, 'unknown'],
  ] as const) {
    t.match(decodeRequest(fuseMessage(opcode, Buffer.alloc(16))), { kind });
  }
  const batch = Buffer.alloc(40);
  batch.writeUInt32LE(2, 0);
  batch.writeBigUInt64LE(10n, 8);
  batch.writeBigUInt64LE(11n, 24);
  t.match(decodeRequest(fuseMessage(Opcode.BATCH_FORGET, batch)), {
    kind: 'forget',
    nodeIds: [10, 11],
  });
  for (const bytes of [batch.subarray(0, 24), Buffer.alloc(48, batch)]) {
    t.throws(() => decodeRequest(fuseMessage(Opcode.BATCH_FORGET, bytes)), {
      code: 'ERR_LINUX_FUSE_MESSAGE',
    });
  }
  t.equal(uniqueOf(READ_MESSAGE), 0x8000_0000_0000_0a0cn);
  t.equal(uniqueOf(Buffer.alloc(39)), undefined);
});

t.test('malformed requests are refused with a code', async (t) => {
  const { Opcode } = structs;
  const read = (change: (body: Buffer) => void) => {
    const message = Buffer.from(READ_MESSAGE);
    change(message);
    return message;
  };
  const wrong: Record<string, Buffer> = {
    empty: Buffer.alloc(0),
    'a short header': READ_MESSAGE.subarray(0, 39),
    'a length that lies': read((bytes) => bytes.writeUInt32LE(79, 0)),
    'a cut body': fuseMessage(Opcode.READ, Buffer.alloc(39)),
    'an offset beyond 2^53': read((bytes) => bytes.writeBigUInt64LE(1n << 60n, 48)),
    'an offset beyond every file': read((bytes) => bytes.writeBigUInt64LE(1n << 50n, 48)),
    'a huge size': read((bytes) => bytes.writeUInt32LE(0xffff_ffff, 56)),
    'a node id beyond 2^53': read((bytes) => bytes.writeBigUInt64LE(1n << 60n, 16)),
    'extensions longer than the message': read((bytes) => bytes.writeUInt16LE(0xffff, 36)),
    'a name without end': fuseMessage(Opcode.LOOKUP, Buffer.from('abc')),
    'an empty name': fuseMessage(Opcode.LOOKUP, Buffer.from('\0')),
    'a name with a slash': fuseMessage(Opcode.LOOKUP, Buffer.from('a/b\0')),
    'two names': fuseMessage(Opcode.LOOKUP, Buffer.from('a\0b\0')),
    'a long name': fuseMessage(Opcode.LOOKUP, Buffer.from(`${'x'.repeat(256)}\0`)),
    'a cut INIT': fuseMessage(Opcode.INIT, Buffer.alloc(15)),
    'INIT without its flags2': fuseMessage(Opcode.INIT, hex('0700000026000000000000000000004000')),
  };
  for (const [name, message] of Object.entries(wrong)) {
    t.throws(() => decodeRequest(message), { code: 'ERR_LINUX_FUSE_MESSAGE' }, name);
  }
});

t.test('replies encode to their bytes', async (t) => {
  const unique = 0x0102n;
  const same = (actual: Buffer, expected: string) =>
    t.equal(actual.toString('hex'), hex(expected).toString('hex'));
  same(encodeErrorReply(unique, 5), '10000000 fbffffff 0201000000000000');
  same(encodeResend(), '10000000 07000000 0000000000000000');
  same(
    encodeOpenReply(unique),
    '20000000 00000000 0201000000000000 0000000000000000 02000000 00000000',
  );
  same(
    encodeDirectoryReply(
      unique,
      [
        { nodeId: 1, name: '.' },
        { nodeId: 9, name: 'blob' },
      ],
      1,
      32,
    ),
    '30000000 00000000 0201000000000000 0900000000000000 0200000000000000 04000000 08000000 626c6f6200000000',
  );
  t.equal(encodeDirectoryReply(unique, [{ nodeId: 9, name: 'blob' }], 0, 31).length, 16);
  const node = { nodeId: 9, sizeBytes: 4097 };
  const attributes = `0900000000000000 0110000000000000 0900000000000000 ${'00'.repeat(36)}
    00810000 ${'01000000'} 00000000 00000000 00000000 00100000 00000000`;
  same(
    encodeAttributesReply(unique, node),
    `78000000 00000000 0201000000000000 8033e10100000000 00000000 00000000 ${attributes}`,
  );
  same(
    encodeEntryReply(unique, node),
    `90000000 00000000 0201000000000000 0900000000000000 0000000000000000 0000000000000000
     8033e10100000000 00000000 00000000 ${attributes}`,
  );
  t.equal(encodeStatfsReply(unique, 3).length, 96);
});

t.test('INIT takes what the kernel offers and can be stored', async (t) => {
  const offer = hex(`07000000 2d000000 00000200 ${'ffffffff'} ff000000 ${'00'.repeat(44)}`);
  const request = decodeRequest(fuseMessage(structs.Opcode.INIT, offer));
  const init = agreeOnInit(request);
  t.match(init, { major: 7, minor: 38, maxReadahead: 131_072, maxWrite: 4096, maxPages: 64 });
  t.ok(canResend(init));
  t.same(parseInitAgreement(JSON.parse(JSON.stringify(init))), init);
  const reply = structs.initOut.decode(encodeInitReply(1n, init), structs.outHeader.size);
  t.match(reply, { major: 7, minor: 38, max_pages: 64, max_background: 16_384, flags2: 0x80 });
  const old = hex('07000000 1f000000 00000200 01000000');
  const modest = agreeOnInit(decodeRequest(fuseMessage(structs.Opcode.INIT, old)));
  t.match(modest, { minor: 31, maxPages: 32, flags: '1' });
  t.notOk(canResend(modest));
  const wrongMajor = hex('08000000 00000000 00000000 00000000');
  t.throws(() => agreeOnInit(decodeRequest(fuseMessage(structs.Opcode.INIT, wrongMajor))), {
    code: 'ERR_LINUX_FUSE_MESSAGE',
  });
  t.throws(() => agreeOnInit(decodeRequest(READ_MESSAGE)), { code: 'ERR_LINUX_FUSE_MESSAGE' });
  for (const stored of [null, {}, { ...init, maxPages: -1 }, { ...init, flags: 'x' }]) {
    t.throws(() => parseInitAgreement(stored), { code: 'ERR_LINUX_FUSE_MESSAGE' });
  }
});
