/** Bytes written by hand from a field table. */

/** Bytes of one structure: hex runs at offsets, zeros elsewhere. */
export function golden(size: number, runs: Readonly<Record<number, string>>): Buffer {
  const bytes = Buffer.alloc(size);
  for (const [offset, hex] of Object.entries(runs)) bytes.write(hex, Number(offset), 'hex');
  return bytes;
}
