/**
 * Packs a layout directory into one tar file, under a temporary name first. Deterministic: sorted
 * names, no owners, no times.
 */
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { encodeTarHeader, TAR_BLOCK_SIZE, TAR_FIELD, tarPadding } from '@shoal/oci';
import { Ingest } from '../layout/ingest.ts';
import { FILE_READ_BYTES } from '../limits.ts';

/** `names` are files below `directory`; they come first and in this order, then all blobs. */
export async function packArchive(
  directory: string,
  names: readonly string[],
  finalPath: string,
  temporaryPath: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const ingest = await Ingest.open(temporaryPath, finalPath);
  try {
    const blobs = await blobNames(directory);
    const made = new Set<string>();
    for (const name of [...names, ...blobs]) {
      signal?.throwIfAborted();
      await packParents(ingest, name, made);
      await packFile(ingest, directory, name);
    }
    await ingest.write(Buffer.alloc(2 * TAR_BLOCK_SIZE));
    await ingest.publish(finalPath);
  } finally {
    await ingest.abort();
  }
}

async function blobNames(directory: string): Promise<string[]> {
  const names: string[] = [];
  for (const algorithm of ['sha256', 'sha512']) {
    const hexes = await readdir(join(directory, 'blobs', algorithm)).catch(() => []);
    names.push(...hexes.sort().map((hex) => `blobs/${algorithm}/${hex}`));
  }
  return names;
}

async function packParents(ingest: Ingest, name: string, made: Set<string>): Promise<void> {
  const parent = dirname(name);
  if (parent === '.' || made.has(parent)) return;
  await packParents(ingest, parent, made);
  made.add(parent);
  await ingest.write(encodeTarHeader(`${parent}/`, { type: '5', mode: 0o755, size: 0 }));
}

async function packFile(ingest: Ingest, directory: string, name: string): Promise<void> {
  const path = join(directory, name);
  const { size } = await stat(path);
  const isLong = name.length > TAR_FIELD.name.size;
  if (isLong) await ingest.write(encodeLongName(name));
  const short = isLong ? basename(name).slice(0, TAR_FIELD.name.size) : name;
  await ingest.write(encodeTarHeader(short, { type: '0', mode: 0o644, size }));
  for await (const piece of createReadStream(path, { highWaterMark: FILE_READ_BYTES })) {
    if (Buffer.isBuffer(piece)) await ingest.write(piece);
  }
  await ingest.write(Buffer.alloc(tarPadding(size)));
}

/** A pax record in front of a header that has no room for the name: that of a sha512 blob. */
function encodeLongName(name: string): Buffer {
  const record = paxRecord('path', name);
  const header = encodeTarHeader('pax-path', { type: 'x', mode: 0o644, size: record.length });
  return Buffer.concat([header, record, Buffer.alloc(tarPadding(record.length))]);
}

/** `LENGTH KEY=VALUE\n`; the length counts its own digits. Spec: POSIX pax. */
function paxRecord(key: string, value: string): Buffer {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest;
  while (`${length}`.length + rest !== length) length = `${length}`.length + rest;
  return Buffer.from(`${length} ${key}=${value}\n`);
}
