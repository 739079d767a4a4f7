/**
 * Prefetch table (docs/format.md, "Prefetch table"): nids as 32-bit numbers, ended by 0 or the
 * table's end. A directory stands for all below it.
 */
export const PREFETCH_ENTRY_SIZE = 4;

export function encodePrefetchTable(nids: readonly number[], bytes: Buffer, offset: number): void {
  for (const [index, nid] of nids.entries()) {
    bytes.writeUInt32LE(nid, offset + index * PREFETCH_ENTRY_SIZE);
  }
}

/** Reads a whole table, whose size must be a multiple of 4. */
export function decodePrefetchTable(table: Buffer): number[] {
  const nids: number[] = [];
  for (let at = 0; at < table.length; at += PREFETCH_ENTRY_SIZE) {
    const nid = table.readUInt32LE(at);
    if (nid === 0) break;
    nids.push(nid);
  }
  return nids;
}
