/** Bootstraps of trees without file content, for tests. */
import { type BuildInode, type ByteString, byteStringFromText, encodeBootstrap } from '@shoal/rafs';
import { directory } from '@shoal/test-kit/plain-inode';

export function xattr(name: string, value: string): { name: ByteString; value: ByteString } {
  return { name: byteStringFromText(name), value: byteStringFromText(value) };
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
  return bootstrapOf(directory({}));
}
