/** What decides the bytes of a conversion beside its options. */
import { readFileSync } from 'node:fs';

type PackageFile = { readonly version: string };

/** Version of Shoal. */
export const SHOAL_VERSION: string = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as PackageFile
).version;

/** Version of the zstd library: another one may compress to other bytes. */
export function zstdVersion(): string {
  return process.versions['zstd'] ?? `node-${process.versions.node}`;
}
