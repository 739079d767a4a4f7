/**
 * Fixed-size C structures of the kernel's interface, described once as a field table.
 *
 * Every structure is dense (the kernel pads with named fields) and its size is asserted when the
 * module loads, so a table that drifts from the header fails at start-up and not in a reader.
 */
import { FuseMessageError } from '../errors.ts';

type FieldType = 'u16' | 'u32' | 'i32' | 'u64';
type Fields = Readonly<Record<string, FieldType>>;

/** The JavaScript values of a table: 64-bit fields are bigint, the rest numbers. */
export type StructValues<F extends Fields> = {
  readonly [K in keyof F]: F[K] extends 'u64' ? bigint : number;
};

const FIELD_BYTES: Readonly<Record<FieldType, number>> = { u16: 2, u32: 4, i32: 4, u64: 8 };

export type Struct<F extends Fields> = {
  readonly name: string;
  readonly size: number;
  /** Byte offset of each field. */
  readonly offsets: { readonly [K in keyof F]: number };
  /** Fields that are left out are zero. */
  encode(values: Partial<StructValues<F>>): Buffer;
  /** Rejects bytes that end inside the structure. */
  decode(bytes: Buffer, offset?: number): StructValues<F>;
};

function offsetsOf(fields: Fields): { offsets: Record<string, number>; size: number } {
  const offsets: Record<string, number> = {};
  let size = 0;
  for (const [name, type] of Object.entries(fields)) {
    if (size % FIELD_BYTES[type] !== 0) throw new Error(`field ${name} is not aligned`);
    offsets[name] = size;
    size += FIELD_BYTES[type];
  }
  return { offsets, size };
}

function writeField(bytes: Buffer, type: FieldType, value: number | bigint, offset: number): void {
  if (type === 'u64') bytes.writeBigUInt64LE(BigInt(value), offset);
  else if (type === 'i32') bytes.writeInt32LE(Number(value), offset);
  else if (type === 'u32') bytes.writeUInt32LE(Number(value), offset);
  else bytes.writeUInt16LE(Number(value), offset);
}

function readField(bytes: Buffer, type: FieldType, offset: number): number | bigint {
  if (type === 'u64') return bytes.readBigUInt64LE(offset);
  if (type === 'i32') return bytes.readInt32LE(offset);
  if (type === 'u32') return bytes.readUInt32LE(offset);
  return bytes.readUInt16LE(offset);
}

/** A structure from its fields in the header's order; `size` is what the header's sizeof is. */
export function defineStruct<const F extends Fields>(
  name: string,
  size: number,
  fields: F,
): Struct<F> {
  const table = offsetsOf(fields);
  if (table.size !== size) throw new Error(`${name} has ${table.size} bytes, not ${size}`);
  const list = Object.entries(fields).map(
    ([field, type]) => [field, type, table.offsets[field] ?? 0] as const,
  );
  return {
    name,
    size,
    offsets: table.offsets as Struct<F>['offsets'],
    encode(values) {
      const given: Partial<Record<string, number | bigint>> = values;
      const bytes = Buffer.alloc(size);
      for (const [field, type, at] of list) writeField(bytes, type, given[field] ?? 0, at);
      return bytes;
    },
    decode(bytes, offset = 0) {
      if (offset < 0 || offset + size > bytes.length) {
        throw new FuseMessageError(`${name} at ${offset} ends after ${bytes.length} bytes`);
      }
      const entries = list.map(([field, type, at]) => [field, readField(bytes, type, offset + at)]);
      return Object.fromEntries(entries) as StructValues<F>;
    },
  };
}

/** A 64-bit number that JavaScript can hold exactly. */
export function safeNumber(value: bigint, what: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new FuseMessageError(`${what} ${value} is beyond 2^53`);
  }
  return Number(value);
}
