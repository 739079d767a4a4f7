/** Sequential throughput of a FUSE session with every block ready, beside the page cache itself. */
import { spawn } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { openFlatFuseSession } from '@shoal/linux';
import { ReadyMap } from '@shoal/linux/ready-map';
import { runChecked } from '@shoal/test-kit';
import { measureInTurn } from './figures.ts';
import { compareRounds, type Row } from './report.ts';
import type { ScenarioOptions } from './scenario.ts';
import { BenchScope } from './scope.ts';
import { dropCaches } from './tree-reader.ts';

const READ_BYTES = 1 << 20;
const FILE_ID = 2;

export async function fuseThroughput(directory: string, options: ScenarioOptions): Promise<Row[]> {
  const sizeBytes = options.isSmall ? 16 << 20 : 1 << 30;
  const path = join(directory, 'device');
  await runChecked('dd', ['if=/dev/urandom', `of=${path}`, 'bs=1M', `count=${sizeBytes >> 20}`]);
  const ready = new ReadyMap(sizeBytes);
  ready.set(0, sizeBytes);
  await using scope = new BenchScope();
  const session = await openFlatFuseSession({
    files: [{ fileId: FILE_ID, name: 'device', sizeBytes, path, readyMap: ready.shared }],
    onMiss: () => Promise.reject(new Error('every block is ready')),
    errnoOf: () => 5,
  });
  scope.teardown(() => session.close());
  const served = session.pathOf(FILE_ID);
  const contestants = new Map([
    ['page cache', () => megabytesPerSecond(path)],
    ['FUSE session', () => throughFuse(path, served)],
  ]);
  const rates = await measureInTurn(options.runs, contestants);
  return compareRounds('1 MiB reads in order', 'MB/s', rates, '>= 0.5');
}

/** The device file is in the page cache, the FUSE file is not. */
async function throughFuse(path: string, served: string): Promise<number> {
  await dropCaches();
  await megabytesPerSecond(path);
  // As EROFS reads it: past the page cache, which holds the file's pages already.
  return megabytesPerSecond(served, constants.O_RDONLY | constants.O_DIRECT);
}

/** In a process of its own: this one also runs the session's threads. */
async function megabytesPerSecond(path: string, flags = constants.O_RDONLY): Promise<number> {
  const reader = openSync(path, flags);
  try {
    const script = [
      'const fs = require("node:fs"); const buffer = Buffer.alloc(Number(process.argv[1]));',
      'const startedAt = performance.now(); let read = 0;',
      'for (let n; (n = fs.readSync(3, buffer, 0, buffer.length, read)) > 0; ) read += n;',
      'console.log(read / 1e3 / (performance.now() - startedAt));',
    ].join(' ');
    return await rateOf(script, reader);
  } finally {
    closeSync(reader);
  }
}

async function rateOf(script: string, reader: number): Promise<number> {
  const child = spawn(process.execPath, ['-e', script, String(READ_BYTES)], {
    stdio: ['ignore', 'pipe', 'inherit', reader],
  });
  const chunks: Buffer[] = [];
  child.stdout?.on('data', (bytes: Buffer) => chunks.push(bytes));
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  child.on('error', reject);
  child.on('close', (code) => {
    const rate = Number(Buffer.concat(chunks).toString());
    if (code === 0 && rate > 0) resolve(rate);
    else reject(new Error(`the reader ended with ${code}`));
  });
  return promise;
}
