/** Kernel message -> request. Bounded: every field is checked before anybody acts on it. */
import { FuseMessageError } from '../errors.ts';
import { FLAT_FILE_BYTES_MAX, FLAT_NAME_BYTES_MAX, FUSE_REQUEST_BYTES_MAX } from '../limits.ts';
import {
  batchForgetIn,
  forgetIn,
  forgetOne,
  InitFlag,
  inHeader,
  initIn,
  Opcode,
  readIn,
} from './kernel-structs.ts';
import { safeNumber } from './struct-codec.ts';

type Operation =
  | {
      readonly kind: 'init';
      readonly major: number;
      readonly minor: number;
      readonly maxReadahead: number;
      readonly flags: bigint;
    }
  | { readonly kind: 'lookup'; readonly name: string }
  | { readonly kind: 'read'; readonly offset: number; readonly size: number }
  | { readonly kind: 'readdir'; readonly offset: number; readonly size: number }
  | { readonly kind: 'getattr' | 'open' | 'opendir' | 'release' | 'statfs' | 'destroy' }
  /** The kernel let go of these nodes; it wants no reply. */
  | { readonly kind: 'forget'; readonly nodeIds: readonly number[] }
  /**
   * INTERRUPT needs no reply, and must not be obeyed: EINTR for a signal that does
   * not kill would fail a read that no program expects to fail, or be SIGBUS in a mapping. Readers
   * above EROFS wait for a page, which SIGKILL ends without our help.
   */
  | { readonly kind: 'no-reply' }
  | { readonly kind: 'unknown'; readonly opcode: number };

export type FuseRequest = Operation & {
  /** Opaque; a request sent again after a takeover has the highest bit set. */
  readonly unique: bigint;
  readonly nodeId: number;
};

const PLAIN_KINDS = new Map<
  number,
  'getattr' | 'open' | 'opendir' | 'release' | 'statfs' | 'destroy' | 'no-reply'
>([
  [Opcode.GETATTR, 'getattr'],
  [Opcode.OPEN, 'open'],
  [Opcode.OPENDIR, 'opendir'],
  [Opcode.RELEASE, 'release'],
  [Opcode.RELEASEDIR, 'release'],
  [Opcode.STATFS, 'statfs'],
  [Opcode.DESTROY, 'destroy'],
  [Opcode.INTERRUPT, 'no-reply'],
]);

function decodeInit(body: Buffer): Operation {
  const base = initIn.decode(body);
  let flags = BigInt(base.flags);
  if ((flags & InitFlag.INIT_EXT) !== 0n) {
    if (body.length < initIn.size + 4) throw new FuseMessageError('fuse_init_in has no flags2');
    flags |= BigInt(body.readUInt32LE(initIn.size)) << 32n;
  }
  return {
    kind: 'init',
    major: base.major,
    minor: base.minor,
    maxReadahead: base.max_readahead,
    flags,
  };
}

/** A name as bytes in a JavaScript string (latin1), without its terminating zero. */
function decodeName(body: Buffer): Operation {
  const end = body.indexOf(0);
  if (end !== body.length - 1) throw new FuseMessageError('a name does not end with its message');
  if (end === 0 || end > FLAT_NAME_BYTES_MAX) throw new FuseMessageError(`a name of ${end} bytes`);
  const name = body.toString('latin1', 0, end);
  if (name.includes('/')) throw new FuseMessageError('a name with a slash');
  return { kind: 'lookup', name };
}

function decodeRange(body: Buffer): { readonly offset: number; readonly size: number } {
  const { offset, size } = readIn.decode(body);
  if (size > FUSE_REQUEST_BYTES_MAX) throw new FuseMessageError(`a read of ${size} bytes`);
  const from = safeNumber(offset, 'an offset');
  if (from > FLAT_FILE_BYTES_MAX) throw new FuseMessageError(`a read at offset ${from}`);
  return { offset: from, size };
}

function decodeForget(body: Buffer, nodeId: number): Operation {
  forgetIn.decode(body);
  return { kind: 'forget', nodeIds: [nodeId] };
}

function decodeBatchForget(body: Buffer): Operation {
  const { count } = batchForgetIn.decode(body);
  if (body.length !== batchForgetIn.size + count * forgetOne.size) {
    throw new FuseMessageError(`${count} nodes to forget in ${body.length} bytes`);
  }
  const nodeIds = Array.from({ length: count }, (_, index) => {
    const at = batchForgetIn.size + index * forgetOne.size;
    return safeNumber(forgetOne.decode(body, at).nodeid, 'a node id');
  });
  return { kind: 'forget', nodeIds };
}

function decodeOperation(opcode: number, body: Buffer, nodeId: number): Operation {
  const plain = PLAIN_KINDS.get(opcode);
  if (plain !== undefined) return { kind: plain };
  switch (opcode) {
    case Opcode.READ:
      return { kind: 'read', ...decodeRange(body) };
    case Opcode.READDIR:
      return { kind: 'readdir', ...decodeRange(body) };
    case Opcode.FORGET:
      return decodeForget(body, nodeId);
    case Opcode.BATCH_FORGET:
      return decodeBatchForget(body);
    case Opcode.LOOKUP:
      return decodeName(body);
    case Opcode.INIT:
      return decodeInit(body);
    default:
      return { kind: 'unknown', opcode };
  }
}

/** The `unique` of a message that cannot be decoded otherwise, so that it can be refused. */
export function uniqueOf(message: Buffer): bigint | undefined {
  return message.length < inHeader.size
    ? undefined
    : message.readBigUInt64LE(inHeader.offsets.unique);
}

/** Decodes one message, which is exactly what one read of `/dev/fuse` returned. */
export function decodeRequest(message: Buffer): FuseRequest {
  const header = inHeader.decode(message);
  if (header.len !== message.length) {
    throw new FuseMessageError(`says ${header.len} bytes, has ${message.length}`);
  }
  const extensions = header.total_extlen * 8;
  if (inHeader.size + extensions > message.length) {
    throw new FuseMessageError(`${extensions} bytes of extensions in ${message.length}`);
  }
  const body = message.subarray(inHeader.size, message.length - extensions);
  const nodeId = safeNumber(header.nodeid, 'a node id');
  return { ...decodeOperation(header.opcode, body, nodeId), unique: header.unique, nodeId };
}
