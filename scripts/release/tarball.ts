/** Packs a directory so that the same files give the same bytes: sorted, root's, one time for all. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { basename, dirname } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

/** Writes `file` (.tar.gz) with the directory as its only entry at the top. */
export async function packTarball(directory: string, file: string, builtAt: number): Promise<void> {
  const argv = [
    '--create',
    '--format=ustar',
    '--sort=name',
    `--mtime=@${builtAt}`,
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '--directory',
    dirname(directory),
    basename(directory),
  ];
  const tar = spawn('tar', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(tar, 'close');
  await pipeline(tar.stdout, createGzip({ level: 6 }), createWriteStream(file));
  const [status] = await ended;
  if (status !== 0) throw new Error(`tar ended with ${status}`);
}
