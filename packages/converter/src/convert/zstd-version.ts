/** The library that decides the bytes of a conversion beside Shoal itself and its options. */

/** Version of the zstd library: another one may compress to other bytes. */
export function zstdVersion(): string {
  return process.versions['zstd'] ?? `node-${process.versions.node}`;
}
