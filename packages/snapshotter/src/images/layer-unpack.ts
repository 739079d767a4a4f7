/**
 * An ordinary layer, unpacked into a directory as overlayfs wants its layers: by the host's GNU tar,
 * which lets nothing out of the directory, and with the whiteouts turned into overlayfs's own.
 * Spec: OCI image layer, "Whiteouts".
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { lstat, readdir, rm, utimes } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { makeOpaque, makeWhiteout, syncFileSystem } from '@shoal/linux';
import { LayerAbsentError } from './errors.ts';

const TAR = [
  ...['--extract', '--file=-', '--preserve-permissions', '--same-owner', '--numeric-owner'],
  ...['--xattrs', '--xattrs-include=*', '--xattrs-exclude=trusted.overlay.*'],
  ...['--delay-directory-restore', '--warning=no-timestamp', '--warning=no-unknown-keyword'],
];
const WHITEOUT = Buffer.from('.wh.');
const OPAQUE = Buffer.from('.wh..wh..opq');
const SLASH = Buffer.from('/');
const ERRORS_CHARS_MAX = 4096;

export type LayerCompression = 'none' | 'gzip' | 'zstd';

/** By what the manifest says. */
export function compressionOf(mediaType: string): LayerCompression {
  if (mediaType.endsWith('+zstd')) return 'zstd';
  return /gzip$/.test(mediaType) ? 'gzip' : 'none';
}

/** Into an empty directory; on disk when it resolves. The stream checks its own digest. */
export async function unpackLayer(
  layer: Readable,
  compression: LayerCompression,
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  await extract(layer, compression, directory, signal);
  await convertWhiteouts(Buffer.from(directory));
  const fd = openSync(directory, 'r');
  try {
    syncFileSystem(fd);
  } finally {
    closeSync(fd);
  }
}

async function extract(
  layer: Readable,
  compression: LayerCompression,
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  const tar = spawn('tar', [...TAR, `--directory=${directory}`], {
    stdio: ['pipe', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C' },
    signal,
  });
  const ended = new Promise<number>((resolve, reject) => {
    tar.once('error', reject);
    tar.once('close', (code) => resolve(code ?? 1));
  });
  // Without a process there may be no streams: the error says why (EMFILE).
  if (tar.pid === undefined) {
    layer.destroy();
    throw tarFailed(directory, String(await ended.catch((error: unknown) => error)));
  }
  let errors = '';
  tar.stderr.setEncoding('utf8').on('data', (text: string) => {
    if (errors.length < ERRORS_CHARS_MAX) errors += text;
  });
  const steps = compression === 'none' ? [] : [decompressor(compression)];
  const [fed, exit] = await Promise.allSettled([
    pipeline([layer, ...steps, tar.stdin], { signal }),
    ended,
  ]);
  if (exit.status === 'rejected') throw tarFailed(directory, String(exit.reason));
  if (exit.value !== 0) throw tarFailed(directory, errors.trim().split('\n')[0] ?? '');
  if (fed.status === 'rejected') throw fed.reason;
}

function decompressor(compression: 'gzip' | 'zstd') {
  return compression === 'gzip' ? createGunzip() : createZstdDecompress();
}

function tarFailed(directory: string, detail: string): LayerAbsentError {
  return new LayerAbsentError(directory, `it does not unpack: ${detail}`, {
    remedy: 'the host needs GNU tar and space on the disk; then try again',
  });
}

/** Names are bytes: not every one is text. */
async function convertWhiteouts(root: Buffer): Promise<void> {
  const pending: Buffer[] = [root];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const marks: Buffer[] = [];
    for (const entry of await readdir(path, { encoding: 'buffer', withFileTypes: true })) {
      const { name } = entry;
      if (entry.isDirectory()) pending.push(Buffer.concat([path, SLASH, name]));
      if (name.subarray(0, WHITEOUT.length).equals(WHITEOUT)) marks.push(name);
    }
    if (marks.length === 0) continue;
    const { atime, mtime } = await lstat(path);
    for (const mark of marks) await convertMark(path, mark);
    await utimes(path, atime, mtime);
  }
}

async function convertMark(directory: Buffer, mark: Buffer): Promise<void> {
  await rm(Buffer.concat([directory, SLASH, mark]), { recursive: true });
  if (mark.equals(OPAQUE)) {
    makeOpaque(directory);
    return;
  }
  const name = mark.subarray(WHITEOUT.length);
  const isPlain =
    name.length > 0 && !name.equals(Buffer.from('.')) && !name.equals(Buffer.from('..'));
  // Names that begin twice are reserved, e.g. `.wh..wh.plnk` of an old AUFS.
  if (!isPlain || name.subarray(0, WHITEOUT.length).equals(WHITEOUT)) return;
  const hidden = Buffer.concat([directory, SLASH, name]);
  await rm(hidden, { recursive: true, force: true });
  makeWhiteout(hidden);
}
