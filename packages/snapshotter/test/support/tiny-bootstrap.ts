/** Bootstraps of trees without file content, for tests. */
import {
  type BuildInode,
  type ByteString,
  byteString,
  byteStringFromText,
  encodeBootstrap,
  InodeKind,
} from '@shoal/rafs';

export const PLAIN = {
  mode: 0o755,
  uid: 0,
  gid: 0,
  seconds: 0,
  nanoseconds: 0,
  rdev: 0,
  xattrs: [],
  size: 0,
  chunks: undefined,
  target: byteString(Buffer.alloc(0)),
  children: undefined,
};

export function xattr(name: string, value: string): { name: ByteString; value: ByteString } {
  return { name: byteStringFromText(name), value: byteStringFromText(value) };
}

export function directory(
  children: Record<string, BuildInode>,
  xattrs: BuildInode['xattrs'],
): BuildInode {
  const entries = Object.entries(children).map(
    ([name, inode]) => [byteStringFromText(name), { inode }] as const,
  );
  return { ...PLAIN, kind: InodeKind.directory, children: new Map(entries), xattrs };
}

export function bootstrapOf(root: BuildInode): Buffer {
  const none = () => {
    throw new Error('no chunks');
  };
  return encodeBootstrap({
    root,
    chunkSize: 0x10_0000,
    compressor: 'none',
    digester: 'sha256',
    blobs: [],
    chunks: {
      count: 0,
      digest: none,
      blobOf: none,
      indexOf: none,
      sizeOf: none,
      offsetOf: none,
      place: none,
    },
    prefetch: [],
    hasInlinedDigests: true,
  });
}

/** Just a root directory. */
export function emptyBootstrap(): Buffer {
  return bootstrapOf(directory({}, []));
}
