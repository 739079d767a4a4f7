/** Whole files from registries, images and the web: verified, resumable, through whoever shares them. */
export { type DownloadedFile, type DownloadOptions, downloadFile } from './download-file.ts';
export * from './errors.ts';
export type { FileSource, SourceBytes } from './file-source.ts';
export { addBytes, NO_BYTES } from './file-source.ts';
export type {
  GetAccess,
  GetFile,
  GetRequest,
  OpenedGet,
  OpenedWebFile,
  WebAccess,
} from './get-access.ts';
export { type GetFilesOptions, getBelow, getTo } from './get-files.ts';
export { openGet } from './open-get.ts';
export type { HashSink, OpenHash } from './partial/file-hash.ts';
export { parseSubject, type Subject } from './subject/parse-subject.ts';
export { titleParts } from './target/file-title.ts';
export { HeldDirectory } from './target/held-directory.ts';
