/**
 * A small tar writer for tests, independent of the converter's: ustar headers, PAX records where a
 * value does not fit, GNU long names and base-256 numbers on request.
 */

export type TarSpec = {
  readonly name: string | Buffer;
  /** @default 'file' */
  readonly type?: 'file' | 'hardlink' | 'symlink' | 'character' | 'block' | 'directory' | 'fifo';
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Seconds; may be negative or have a fraction written as text in `pax.mtime`. */
  readonly mtime?: number;
  readonly link?: string | Buffer;
  readonly device?: readonly [major: number, minor: number];
  readonly content?: string | Buffer;
  /** Extra PAX records of this entry; values may be any bytes. */
  readonly pax?: Readonly<Record<string, string | Buffer>>;
  /** Writes long names the GNU way instead of PAX. */
  readonly gnuLongNames?: boolean;
  readonly xattrs?: Readonly<Record<string, string | Buffer>>;
};

const TYPE_FLAGS = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
} as const;

const DEFAULT_MODES: Readonly<Record<string, number>> = { directory: 0o755, symlink: 0o777 };

const BLOCK = 512;

const bytesOf = (value: string | Buffer): Buffer =>
  typeof value === 'string' ? Buffer.from(value) : value;

/** A whole archive with its two closing blocks. */
export function writeTar(specs: readonly TarSpec[]): Buffer {
  return Buffer.concat([...specs.map(writeTarEntry), Buffer.alloc(2 * BLOCK)]);
}

/** One entry with what precedes it and its padded content. */
export function writeTarEntry(spec: TarSpec): Buffer {
  const name = bytesOf(spec.name);
  const link = bytesOf(spec.link ?? '');
  const records = new Map(Object.entries(spec.pax ?? {}));
  for (const [key, value] of Object.entries(spec.xattrs ?? {})) {
    records.set(`SCHILY.xattr.${key}`, value);
  }
  const mtime = spec.mtime ?? 1_600_000_000;
  if (mtime < 0 && !records.has('mtime')) records.set('mtime', String(mtime));
  const parts: Buffer[] = [];
  for (const [bytes, flag, key] of [
    [link, 'K', 'linkpath'],
    [name, 'L', 'path'],
  ] as const) {
    if (bytes.length <= 100) continue;
    if (spec.gnuLongNames === true) parts.push(gnuLongName(flag, bytes));
    else records.set(key, bytes);
  }
  if (records.size > 0) parts.push(paxEntry(records));
  const type = spec.type ?? 'file';
  const content = type === 'file' ? bytesOf(spec.content ?? '') : Buffer.alloc(0);
  parts.push(
    header({
      name: name.subarray(0, 100),
      link: link.subarray(0, 100),
      flag: TYPE_FLAGS[type],
      mode: spec.mode ?? DEFAULT_MODES[type] ?? 0o644,
      uid: spec.uid ?? 0,
      gid: spec.gid ?? 0,
      size: content.length,
      mtime: Math.max(0, Math.floor(mtime)),
      device: spec.device ?? [0, 0],
    }),
    padded(content),
  );
  return Buffer.concat(parts);
}

type HeaderFields = {
  name: Buffer;
  link: Buffer;
  flag: string;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  mtime: number;
  device: readonly [number, number];
};

function header(fields: HeaderFields): Buffer {
  const block = Buffer.alloc(BLOCK);
  fields.name.copy(block, 0);
  writeNumber(block, 100, 8, fields.mode);
  writeNumber(block, 108, 8, fields.uid);
  writeNumber(block, 116, 8, fields.gid);
  writeNumber(block, 124, 12, fields.size);
  writeNumber(block, 136, 12, fields.mtime);
  block.write('        ', 148, 'latin1');
  block.write(fields.flag, 156, 'latin1');
  fields.link.copy(block, 157);
  block.write('ustar\x0000', 257, 'latin1');
  writeNumber(block, 329, 8, fields.device[0]);
  writeNumber(block, 337, 8, fields.device[1]);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** Octal when it fits, GNU's base-256 otherwise. */
function writeNumber(block: Buffer, offset: number, length: number, value: number): void {
  const octal = value.toString(8);
  if (octal.length < length) {
    block.write(`${octal.padStart(length - 1, '0')}\0`, offset, 'latin1');
    return;
  }
  block[offset] = 0x80;
  let rest = BigInt(value);
  for (let at = offset + length - 1; at > offset; at--) {
    block[at] = Number(rest & 0xffn);
    rest >>= 8n;
  }
}

function padded(content: Buffer): Buffer {
  const rest = content.length % BLOCK;
  return rest === 0 ? content : Buffer.concat([content, Buffer.alloc(BLOCK - rest)]);
}

function special(flag: string, name: string, content: Buffer): Buffer {
  const fields = { mode: 0o644, uid: 0, gid: 0, mtime: 0, device: [0, 0] as const };
  const head = header({
    ...fields,
    name: Buffer.from(name),
    link: Buffer.alloc(0),
    flag,
    size: content.length,
  });
  return Buffer.concat([head, padded(content)]);
}

function gnuLongName(flag: string, bytes: Buffer): Buffer {
  return special(flag, '././@LongLink', Buffer.concat([bytes, Buffer.alloc(1)]));
}

function paxEntry(records: ReadonlyMap<string, string | Buffer>): Buffer {
  const lines = [...records].map(([key, value]) => paxRecord(key, bytesOf(value)));
  return special('x', 'pax', Buffer.concat(lines));
}

function paxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')]);
  let length = rest.length;
  while (String(length).length + rest.length !== length)
    length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}
