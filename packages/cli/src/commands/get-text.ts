/** What `shoal get` says of what it has fetched. */
import { addBytes, type DownloadedFile, NO_BYTES } from '@shoal/downloads';
import { formatBytes } from '../quantity-text.ts';
import type { GetRoute } from './get-route.ts';

export function shownFile(file: DownloadedFile): string {
  const { digest, size, outcome } = file;
  const how = outcome === 'present' ? 'was there already' : howFetched(file);
  return `${file.file}  ${digest}  ${formatBytes(size)}, ${how}`;
}

function howFetched({ sources, resumedBytes }: DownloadedFile): string {
  const parts = [
    [sources.peers, 'from peers'],
    [sources.origin, 'from the origin'],
    [sources.local, 'held by this host'],
    [resumedBytes, 'of an earlier get'],
  ] as const;
  const said = parts.filter(([bytes]) => bytes > 0).map(([n, from]) => `${formatBytes(n)} ${from}`);
  return said.length === 0 ? 'empty' : said.join(', ');
}

/** For programs. */
export function reportOf(files: readonly DownloadedFile[], { via }: Pick<GetRoute, 'via'>): object {
  const sources = files.map((file) => file.sources).reduce(addBytes, NO_BYTES);
  return { via, sources, files };
}
