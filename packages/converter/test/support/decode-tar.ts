import { createHash } from 'node:crypto';
import { TAR_FIELD, writeTarChecksum } from '@shoal/oci';
import { TarDecoder } from '../../src/tar/tar-decoder.ts';
import type { TarEntry } from '../../src/tar/tar-entry.ts';
import { tarEntry } from './tar-builder.ts';

export type Decoded = Omit<TarEntry, 'offset'> & { digest: string };

export function decode(
  archive: Buffer,
  splits: (left: number) => number = (left) => left,
): Decoded[] {
  const entries: Decoded[] = [];
  let current: TarEntry | undefined;
  let hash = createHash('sha1');
  let length = 0;
  const decoder = new TarDecoder({
    onEntry(entry) {
      current = entry;
      hash = createHash('sha1');
      length = 0;
    },
    onData(bytes) {
      length += bytes.length;
      hash.update(bytes);
    },
    onHole(size) {
      length += size;
      hash.update(Buffer.alloc(size));
    },
    onEntryEnd() {
      if (current === undefined) throw new Error('end without entry');
      if (length !== current.size) throw new Error(`${length} bytes of ${current.size}`);
      const { offset: _, ...rest } = current;
      entries.push({ ...rest, digest: hash.digest('hex') });
    },
  });
  for (let at = 0; at < archive.length; ) {
    const size = Math.max(1, Math.min(splits(archive.length - at), archive.length - at));
    // A copy per push: views into an old buffer would show here.
    const piece = Buffer.from(archive.subarray(at, at + size));
    decoder.write(piece);
    piece.fill(0xee);
    at += size;
  }
  decoder.end();
  return entries;
}

export function paxEntry(flag: 'x' | 'g', records: string): Buffer {
  const entry = tarEntry({ name: 'pax', content: Buffer.from(records, 'latin1') });
  entry.write(flag, TAR_FIELD.typeflag.offset, 'latin1');
  writeTarChecksum(entry);
  return entry;
}

export const record = (key: string, value: string) => {
  let length = key.length + value.length + 3;
  while (String(length).length + key.length + value.length + 3 !== length) length++;
  return `${length} ${key}=${value}\n`;
};
