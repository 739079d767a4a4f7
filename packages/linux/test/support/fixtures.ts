/** What the tests of this package share: directories that are unmounted and removed, pattern bytes. */
import {
  closeSync,
  constants,
  ftruncateSync,
  mkdtempSync,
  openSync,
  realpathSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { READY_BLOCK_BYTES, ReadyMap } from '../../src/fuse/ready-map.ts';
import type { FlatFile } from '../../src/fuse/session-types.ts';
import { listMounts } from '../../src/mount/mount-table.ts';
import { UmountFlag, umount2 } from '../../src/syscalls-mount.ts';

type Teardown = { teardown(handler: () => void): void };

/** A directory of its own on a disk file system; what is mounted in it is unmounted at the end. */
export function workDirectory(t: Teardown): string {
  const directory = realpathSync(
    mkdtempSync(join(process.env['SHOAL_TEST_TMPDIR'] ?? tmpdir(), 'shoal-linux-')),
  );
  t.teardown(() => cleanDirectory(directory));
  return directory;
}

export function cleanDirectory(directory: string): void {
  const mounted = listMounts().filter((entry) => entry.mountpoint.startsWith(`${directory}/`));
  for (const entry of mounted.reverse()) umount2(entry.mountpoint, UmountFlag.detach);
  rmSync(directory, { recursive: true, force: true });
}

/**
 * The bytes of file `seed` from `offset`: every 8 bytes name the file and their own place, so that
 * a misplaced word shows, and no word is zero.
 */
export function patternBytes(seed: number, offset: number, length: number): Buffer {
  const first = Math.floor(offset / 8);
  const words = Math.ceil((offset + length) / 8) - first;
  const bytes = Buffer.alloc(words * 8);
  for (let index = 0; index < words; index += 1) {
    bytes.writeUInt32LE((0x8000_0000 | (first + index)) >>> 0, index * 8);
    bytes.writeUInt32LE((0x4000_0001 + seed * 2) >>> 0, index * 8 + 4);
  }
  return bytes.subarray(offset - first * 8, offset - first * 8 + length);
}

/** A sparse device file whose blocks arrive when asked for, as the blob store does it. */
export class LazyDevice {
  readonly path: string;
  readonly sizeBytes: number;
  readonly readyMap: SharedArrayBuffer;
  readonly #ready: ReadyMap;
  readonly #fd: number;
  readonly #content: (offset: number, length: number) => Buffer;

  /** `source` is a pattern's seed or the file's whole content. */
  constructor(path: string, source: number | Buffer, sizeBytes: number) {
    this.path = path;
    this.sizeBytes = sizeBytes;
    this.#ready = new ReadyMap(sizeBytes);
    this.readyMap = this.#ready.shared;
    // Not truncated: what a dead server left there must do no harm.
    this.#fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
    ftruncateSync(this.#fd, sizeBytes);
    this.#content = (offset, length) =>
      typeof source === 'number'
        ? patternBytes(source, offset, length)
        : source.subarray(offset, offset + length);
  }

  /** Writes the blocks that the range touches, then marks them. */
  fill(offset: number, length: number): void {
    const first = Math.floor(offset / READY_BLOCK_BYTES);
    const end = Math.min(
      this.sizeBytes,
      Math.ceil((offset + length) / READY_BLOCK_BYTES) * READY_BLOCK_BYTES,
    );
    const start = first * READY_BLOCK_BYTES;
    writeSync(this.#fd, this.#content(start, end - start), 0, end - start, start);
    this.#ready.set(offset, length);
  }

  asFlatFile(fileId: number): FlatFile {
    const { path, sizeBytes, readyMap } = this;
    return { fileId, name: `blob-${fileId}`, sizeBytes, path, readyMap };
  }

  close(): void {
    closeSync(this.#fd);
  }
}
