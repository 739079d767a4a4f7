/**
 * The bootstrap layer of an image (docs/format.md, "Bootstrap layer"): a tar with the bootstrap and
 * each blob's chunk-info. Compression around it is the caller's.
 */
import {
  encodeTarHeader,
  isTarChecksumRight,
  isZeroBlock,
  readTarName,
  readTarNumber,
  TAR_BLOCK_SIZE,
  TAR_FIELD,
  tarPadding,
} from '@shoal/oci';
import { NotRafsError, RafsCorruptError, RafsInputError, RafsLimitError } from './errors.ts';
import { sliceExactly } from './integers.ts';
import { LAYER_BYTES_MAX, LAYER_MEMBERS_MAX } from './limits.ts';

const DIRECTORY_NAME = 'image/';
const BOOTSTRAP_NAME = 'image/image.boot';
const BARE_BOOTSTRAP_NAME = 'image.boot';
const META_NAME = /^(?:\.\/)?(?:image\/)?([0-9a-f]{64})\.blob\.meta$/;
const FILE_TYPES = new Set(['0', '\0', '7']);
const WHERE = 'bootstrap layer';

export type BootstrapLayer = {
  readonly bootstrap: Buffer;
  /** Chunk-info files by blob id. */
  readonly metaFiles: ReadonlyMap<string, Buffer>;
};

/** The tar as buffers to be written one after the other; files are not copied. */
export function encodeBootstrapLayerTar(layer: BootstrapLayer): Buffer[] {
  const parts = [encodeTarHeader(DIRECTORY_NAME, { type: '5', mode: 0o755, size: 0 })];
  const addFile = (name: string, bytes: Buffer): void => {
    parts.push(encodeTarHeader(name, { type: '0', mode: 0o444, size: bytes.length }), bytes);
    parts.push(Buffer.alloc(tarPadding(bytes.length)));
  };
  addFile(BOOTSTRAP_NAME, layer.bootstrap);
  for (const blobId of [...layer.metaFiles.keys()].sort()) {
    const name = `image/${blobId}.blob.meta`;
    if (!META_NAME.test(name)) throw new RafsInputError('a chunk-info file is named by no blob id');
    addFile(name, layer.metaFiles.get(blobId) ?? Buffer.alloc(0));
  }
  parts.push(Buffer.alloc(2 * TAR_BLOCK_SIZE));
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
  for (let count = 0; at + TAR_BLOCK_SIZE <= bytes.length; count++) {
    if (count >= LAYER_MEMBERS_MAX) {
      throw new RafsLimitError(`the bootstrap layer has more than ${LAYER_MEMBERS_MAX} members`);
    }
    const header = bytes.subarray(at, at + TAR_BLOCK_SIZE);
    if (isZeroBlock(header)) return;
    const size = decodeSize(header);
    const content = sliceExactly(bytes, at + TAR_BLOCK_SIZE, size, WHERE);
    const type = String.fromCharCode(header.readUInt8(TAR_FIELD.typeflag.offset));
    if (FILE_TYPES.has(type)) yield { name: readTarName(header).toString('latin1'), content };
    at += TAR_BLOCK_SIZE + size + tarPadding(size);
  }
}

/** The size of the member whose header this is. */
function decodeSize(header: Buffer): number {
  if (!isTarChecksumRight(header)) throw new RafsCorruptError(WHERE, 'it is no tar archive');
  const size = readTarNumber(header, TAR_FIELD.size);
  if (size !== undefined && size >= 0) return size;
  throw new RafsCorruptError(WHERE, 'the size of a member is no number');
}
