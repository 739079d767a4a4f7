/**
 * The bootstrap layer of an image (docs/format.md, "Bootstrap layer"): a tar with the bootstrap and
 * each blob's chunk-info. Compression around it is the caller's.
 */
import { NotRafsError, RafsCorruptError, RafsInputError, RafsLimitError } from './errors.ts';
import { roundUp, sliceExactly } from './integers.ts';
import { LAYER_BYTES_MAX, LAYER_MEMBERS_MAX } from './limits.ts';

const BLOCK = 512;
const DIRECTORY_NAME = 'image/';
const BOOTSTRAP_NAME = 'image/image.boot';
const BARE_BOOTSTRAP_NAME = 'image.boot';
const META_NAME = /^(?:\.\/)?(?:image\/)?([0-9a-f]{64})\.blob\.meta$/;
const FILE_TYPES = new Set(['0', '\0', '7']);
const BASE_256 = 0x80;
const WHERE = 'bootstrap layer';
const AT = {
  name: 0,
  mode: 100,
  uid: 108,
  gid: 116,
  size: 124,
  modified: 136,
  checksum: 148,
  type: 156,
  magic: 257,
  prefix: 345,
} as const;

export type BootstrapLayer = {
  readonly bootstrap: Buffer;
  /** Chunk-info files by blob id. */
  readonly metaFiles: ReadonlyMap<string, Buffer>;
};

/** The tar as buffers to be written one after the other; files are not copied. */
export function encodeBootstrapLayerTar(layer: BootstrapLayer): Buffer[] {
  const parts = [encodeHeader(DIRECTORY_NAME, '5', 0o755, 0)];
  const addFile = (name: string, bytes: Buffer): void => {
    parts.push(encodeHeader(name, '0', 0o444, bytes.length), bytes);
    parts.push(Buffer.alloc(roundUp(bytes.length, BLOCK) - bytes.length));
  };
  addFile(BOOTSTRAP_NAME, layer.bootstrap);
  for (const blobId of [...layer.metaFiles.keys()].sort()) {
    const name = `image/${blobId}.blob.meta`;
    if (!META_NAME.test(name)) throw new RafsInputError('a chunk-info file is named by no blob id');
    addFile(name, layer.metaFiles.get(blobId) ?? Buffer.alloc(0));
  }
  parts.push(Buffer.alloc(2 * BLOCK));
  return parts.filter(({ length }) => length > 0);
}

/**
 * Finds bootstrap and chunk-info files; other members are skipped. Throws ERR_RAFS_NOT_RAFS when
 * there is no bootstrap.
 */
export function decodeBootstrapLayerTar(bytes: Buffer): BootstrapLayer {
  if (bytes.length > LAYER_BYTES_MAX) {
    throw new RafsLimitError(`the bootstrap layer has more than ${LAYER_BYTES_MAX} bytes`);
  }
  const metaFiles = new Map<string, Buffer>();
  let bootstrap: Buffer | undefined;
  for (const { name, content } of members(bytes)) {
    const clean = name.startsWith('./') ? name.slice(2) : name;
    const blobId = META_NAME.exec(name)?.[1];
    if (clean === BOOTSTRAP_NAME || clean === BARE_BOOTSTRAP_NAME) bootstrap ??= content;
    else if (blobId !== undefined && !metaFiles.has(blobId)) metaFiles.set(blobId, content);
  }
  if (bootstrap !== undefined) return { bootstrap, metaFiles };
  throw new NotRafsError(`the bootstrap layer holds no ${BOOTSTRAP_NAME}`);
}

type Member = { readonly name: string; readonly content: Buffer };

function* members(bytes: Buffer): Generator<Member, void, undefined> {
  let at = 0;
  for (let count = 0; at + BLOCK <= bytes.length; count++) {
    if (count >= LAYER_MEMBERS_MAX) {
      throw new RafsLimitError(`the bootstrap layer has more than ${LAYER_MEMBERS_MAX} members`);
    }
    const header = bytes.subarray(at, at + BLOCK);
    if (header.every((byte) => byte === 0)) return;
    const size = decodeHeader(header);
    const content = sliceExactly(bytes, at + BLOCK, size, WHERE);
    const type = header.toString('latin1', AT.type, AT.type + 1);
    if (FILE_TYPES.has(type)) yield { name: decodeName(header), content };
    at += BLOCK + roundUp(size, BLOCK);
  }
}

function encodeHeader(name: string, type: string, mode: number, size: number): Buffer {
  const header = Buffer.alloc(BLOCK);
  header.write(name, AT.name, 'latin1');
  header.write(octal(mode, 8), AT.mode, 'latin1');
  header.write(octal(0, 8), AT.uid, 'latin1');
  header.write(octal(0, 8), AT.gid, 'latin1');
  header.write(octal(size, 12), AT.size, 'latin1');
  header.write(octal(0, 12), AT.modified, 'latin1');
  header.write(type, AT.type, 'latin1');
  header.write('ustar\x0000', AT.magic, 'latin1');
  header.write(`${octal(checksumOf(header), 7)} `, AT.checksum, 'latin1');
  return header;
}

/** Checks the header and gives back the size of the member. */
function decodeHeader(header: Buffer): number {
  const stated = parseOctal(header, AT.checksum, 8);
  if (stated !== checksumOf(header)) throw new RafsCorruptError(WHERE, 'it is no tar archive');
  const isBase256 = (header.readUInt8(AT.size) & BASE_256) !== 0;
  const size = isBase256
    ? Number(header.readBigUInt64BE(AT.size + 4))
    : (parseOctal(header, AT.size, 12) ?? Number.NaN);
  if (Number.isSafeInteger(size)) return size;
  throw new RafsCorruptError(WHERE, 'the size of a member is no number');
}

function decodeName(header: Buffer): string {
  const name = untilNul(header, AT.name, 100);
  const isUstar = header.toString('latin1', AT.magic, AT.magic + 6) === 'ustar\0';
  const prefix = isUstar ? untilNul(header, AT.prefix, 155) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

function untilNul(bytes: Buffer, offset: number, size: number): string {
  return bytes.toString('latin1', offset, offset + size).split('\0', 1)[0] ?? '';
}

function octal(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, '0')}\0`;
}

function parseOctal(header: Buffer, offset: number, size: number): number | undefined {
  const match = /^ *([0-7]+)[ \0]*$/.exec(header.toString('latin1', offset, offset + size));
  return match?.[1] === undefined ? undefined : Number.parseInt(match[1], 8);
}

function checksumOf(header: Buffer): number {
  let sum = 8 * 0x20;
  for (const [index, byte] of header.entries()) {
    if (index < AT.checksum || index >= AT.checksum + 8) sum += byte;
  }
  return sum;
}
