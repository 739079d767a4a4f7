/**
 * A file at a URL that whoever runs this, or configured it, has chosen: its server may have any address,
 * what it redirects to only a public one.
 */
import type { ClientOptions } from '../options.ts';
import { hostAndPort, WebFile } from './web-file.ts';

/** Throws what looking at it does. */
export async function openWebFile(
  url: URL,
  options: Omit<ClientOptions, 'trustedHosts'> = {},
): Promise<WebFile> {
  return await WebFile.open(url, { ...options, trustedHosts: new Set([hostAndPort(url)]) });
}
