/** Messages as the kernel sends them. */

/** A request of thread 7 for node 0x1122 with this opcode and body. */
export function fuseMessage(opcode: number, body: Buffer): Buffer {
  const header = Buffer.alloc(40);
  header.writeUInt32LE(40 + body.length, 0);
  header.writeUInt32LE(opcode, 4);
  header.writeBigUInt64LE(0x8000_0000_0000_0a0cn, 8);
  header.writeBigUInt64LE(0x1122n, 16);
  header.writeUInt32LE(7, 32);
  return Buffer.concat([header, body]);
}

/** READ of 128 KiB at 16 MiB, sent again after a takeover (highest bit of unique). */
export const READ_MESSAGE = Buffer.from(
  [
    '50000000 0f000000 0c0a000000000080 2211000000000000',
    '00000000 00000000 07000000 0000 0000',
    '0000000000000000 0000000100000000 00000200 00000000',
    '0000000000000000 00800000 00000000',
  ]
    .join('')
    .replaceAll(' ', ''),
  'hex',
);
