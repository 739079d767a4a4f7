/**
 * A file at a URL. With a digest it is a blob as any other and may come from other hosts; without one
 * it comes from its server, and is continued only while the server says that it is the same.
 */
import { type BlobSource, webBlobSource } from '@shoal/blob-store';
import { blobIdOfDigest, type Digest, sha256Digest } from '@shoal/oci';
import type { FileSource } from '../file-source.ts';
import type { GetRequest, OpenedGet, OpenedWebFile, WebAccess } from '../get-access.ts';
import { filePieces } from './file-pieces.ts';
import { SharedVerdicts } from './shared-verdicts.ts';

export async function openWebGet(
  url: URL,
  { digest, signal }: GetRequest,
  access: WebAccess,
): Promise<OpenedGet> {
  const file = await access.open(url, signal);
  const shared = sharedSource(url, file, digest, access);
  const source = webFileSource(url, file, digest, shared);
  const close = async () => {
    await shared?.close();
    await file.close();
  };
  return { files: [{ name: nameOf(url), source }], isTree: false, close };
}

/** Only what has a digest and a size can be shared, and only of a server that has ranges. */
function sharedSource(
  url: URL,
  file: OpenedWebFile,
  digest: Digest | undefined,
  { share }: WebAccess,
): BlobSource | undefined {
  const isShareable = digest?.startsWith('sha256:') === true && file.size !== undefined;
  return isShareable && file.hasRanges ? share?.(url, webBlobSource(file)) : undefined;
}

function webFileSource(
  url: URL,
  file: OpenedWebFile,
  digest: Digest | undefined,
  shared: BlobSource | undefined,
): FileSource {
  const { description, size, validator, hasRanges } = file;
  const verdicts = new SharedVerdicts();
  return {
    description,
    identity: digest ?? `${description} ${queryMark(url)}${validator ?? ''}`,
    ...{ digest, size, isShared: shared !== undefined },
    // What has no digest is continued only while the server says that it is the same.
    isResumable: hasRanges && (digest !== undefined || validator !== undefined),
    pieces: filePieces({
      shared:
        shared === undefined || digest === undefined || size === undefined
          ? undefined
          : { source: shared, blob: { blobId: blobIdOfDigest(digest), sizeBytes: size } },
      verdicts,
      alone: (offset, signal) =>
        file.readFrom(offset, { signal, isVerified: digest !== undefined }),
    }),
    judged: (verdict) => verdicts.tell(size ?? 0, verdict),
  };
}

/** It may say which file it is, and hold a secret: equal marks, equal queries, and nothing else is told. */
function queryMark({ search }: URL): string {
  return search === '' ? '' : `query ${sha256Digest(Buffer.from(search))} `;
}

/** The last part of the path; undefined where there is none that can be read. */
function nameOf({ pathname }: URL): string | undefined {
  const last = pathname.slice(pathname.lastIndexOf('/') + 1);
  try {
    const name = decodeURIComponent(last);
    return name === '' || name.includes('/') ? undefined : name;
  } catch {
    return undefined;
  }
}
