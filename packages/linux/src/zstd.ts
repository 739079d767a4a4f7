/**
 * Node's own libzstd, called directly. `node:zlib` makes a stream object, a zstd context and an
 * output buffer for every call; chunks are small and many, so here one context and one buffer per
 * thread serve them all. Contexts live in memory of JavaScript (zstd's static contexts), so that
 * nothing is left behind when a thread ends. For worker threads: every call is synchronous.
 *
 * koffi is loaded on first use: most threads never see zstd, and a thread that is ended while a
 * native module starts takes the process with it.
 */
import { createRequire } from 'node:module';

const SIZE = 'size_t';
const POINTER = 'void *';
/** Context, target and its size, source and its size. */
const CALL = [POINTER, POINTER, SIZE, POINTER, SIZE];
/** What zstd's static contexts ask of the address they are given. */
const WORKSPACE_ALIGNMENT = 8;

type Library = {
  readonly compressContextBytes: (level: number) => number;
  readonly initCompressContext: (workspace: Uint8Array, bytes: number) => unknown;
  readonly compress: (
    context: Uint8Array,
    target: Uint8Array,
    targetBytes: number,
    source: Uint8Array,
    sourceBytes: number,
    level: number,
  ) => number;
  readonly compressBound: (bytes: number) => number;
  readonly decompressContextBytes: () => number;
  readonly initDecompressContext: (workspace: Uint8Array, bytes: number) => unknown;
  readonly decompress: (
    context: Uint8Array,
    target: Uint8Array,
    targetBytes: number,
    source: Uint8Array,
    sourceBytes: number,
  ) => number;
  readonly isError: (result: number) => number;
};

const load = createRequire(import.meta.url);
let loaded: { readonly library: Library | undefined } | undefined;

/** Undefined where Node was built without exporting its libzstd: callers then use `node:zlib`. */
function library(): Library | undefined {
  loaded ??= { library: loadLibrary() };
  return loaded.library;
}

function loadLibrary(): Library | undefined {
  try {
    const koffi = load('koffi') as typeof import('koffi');
    const node = koffi.load(null);
    return {
      compressContextBytes: node.func('ZSTD_estimateCCtxSize', SIZE, ['int']),
      initCompressContext: node.func('ZSTD_initStaticCCtx', POINTER, [POINTER, SIZE]),
      compress: node.func('ZSTD_compressCCtx', SIZE, [...CALL, 'int']),
      compressBound: node.func('ZSTD_compressBound', SIZE, [SIZE]),
      decompressContextBytes: node.func('ZSTD_estimateDCtxSize', SIZE, []),
      initDecompressContext: node.func('ZSTD_initStaticDCtx', POINTER, [POINTER, SIZE]),
      decompress: node.func('ZSTD_decompressDCtx', SIZE, CALL),
      isError: node.func('ZSTD_isError', 'uint', [SIZE]),
    };
  } catch {
    return undefined;
  }
}

/** Compresses at one level; each call gives one frame that states its content size. */
export class ZstdCompressor {
  readonly #library: Library;
  readonly #context: Uint8Array;
  readonly #level: number;
  #target: Uint8Array = new Uint8Array(0);

  private constructor(zstd: Library, context: Uint8Array, level: number) {
    this.#library = zstd;
    this.#context = context;
    this.#level = level;
  }

  /** Undefined where libzstd cannot be called. */
  static open(level: number): ZstdCompressor | undefined {
    const zstd = library();
    const context = zstd && openContext(zstd.compressContextBytes(level), zstd.initCompressContext);
    return zstd && context && new ZstdCompressor(zstd, context, level);
  }

  /** A frame in memory that the next call uses again. Throws a RangeError when zstd fails. */
  compress(raw: Uint8Array): Uint8Array {
    const zstd = this.#library;
    const bound = zstd.compressBound(raw.length);
    if (this.#target.length < bound) this.#target = new Uint8Array(bound);
    const target = this.#target;
    const context = this.#context;
    const length = zstd.compress(context, target, target.length, raw, raw.length, this.#level);
    if (zstd.isError(length) !== 0) throw new RangeError('zstd could not compress');
    return target.subarray(0, length);
  }
}

/** Decompresses whole frames of known content size. */
export class ZstdDecompressor {
  readonly #library: Library;
  readonly #context: Uint8Array;

  private constructor(zstd: Library, context: Uint8Array) {
    this.#library = zstd;
    this.#context = context;
  }

  /** Undefined where libzstd cannot be called. */
  static open(): ZstdDecompressor | undefined {
    const zstd = library();
    const context = zstd && openContext(zstd.decompressContextBytes(), zstd.initDecompressContext);
    return zstd && context && new ZstdDecompressor(zstd, context);
  }

  /**
   * Bytes written to `target`, never more than it holds. Throws a RangeError when the input is
   * not zstd, is damaged, is followed by something else, or needs more room.
   */
  decompress(stored: Uint8Array, target: Uint8Array): number {
    const zstd = this.#library;
    const context = this.#context;
    const length = zstd.decompress(context, target, target.length, stored, stored.length);
    if (zstd.isError(length) !== 0) throw new RangeError('zstd could not decompress');
    return length;
  }
}

/** A context at the start of memory of its own; undefined when zstd refuses it. */
function openContext(
  bytes: number,
  init: (workspace: Uint8Array, bytes: number) => unknown,
): Uint8Array | undefined {
  const rounded = Math.ceil(bytes / WORKSPACE_ALIGNMENT) * WORKSPACE_ALIGNMENT;
  // Memory of its own, not a slice of Node's pool: that may lie at any address.
  const workspace = new Uint8Array(rounded);
  return init(workspace, rounded) === null ? undefined : workspace;
}
