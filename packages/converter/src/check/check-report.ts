/** What a comparison of two images tells. Plain data. */
export type Difference = {
  /** What part of the image differs. */
  readonly scope: 'manifest' | 'config' | 'tree' | 'content';
  /** Path in the image, or the field of the document. */
  readonly path: string;
  /** What about it differs: `mode`, `mtime`, `content`, ... */
  readonly attribute: string;
  /** What the source has; undefined when it has nothing there. */
  readonly source?: string | undefined;
  readonly target?: string | undefined;
};

/** A field of a document that a conversion changes by design. */
export type AllowedChange = {
  readonly scope: 'manifest' | 'config';
  readonly path: string;
  readonly reason: string;
};

export type CheckedSide = {
  readonly reference: string;
  readonly kind: 'ordinary' | 'converted';
  readonly manifest: string;
  readonly platform: string | undefined;
};

export type CheckReport = {
  readonly source: CheckedSide;
  readonly target: CheckedSide;
  readonly isEqual: boolean;
  /** The first ones; `differenceCount` counts all. */
  readonly differences: readonly Difference[];
  readonly differenceCount: number;
  readonly allowedChanges: readonly AllowedChange[];
  /** Objects compared. */
  readonly inodes: number;
  readonly files: number;
  /** Bytes of the files compared. */
  readonly bytes: number;
  /** Data blobs of converted images that were read whole and compared with their digests. */
  readonly blobsVerified: number;
  /** Chunks of converted images whose bytes were read and verified. */
  readonly chunksVerified: number;
  readonly warnings: readonly string[];
  readonly durationMs: number;
};
