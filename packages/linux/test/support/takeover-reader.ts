/**
 * One reader of the takeover tests, a process of its own. Reads in its way until its standard input
 * ends, compares every byte, and prints a JSON line with what it saw.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { patternBytes } from './fixtures.ts';
import { dropFilePages, mapFile } from './page-cache.ts';
import { DATA_BYTES } from './takeover-files.ts';

const [kind = '', path = '', seedText = '0', expectedSum = ''] = process.argv.slice(2);
const seed = Number(seedText);
const counts = { kind, reads: 0, wrong: 0, errors: 0, longestMs: 0 };
const PAGE = 4096;

function randomOffset(length: number): number {
  return Math.floor(Math.random() * ((DATA_BYTES - length) / PAGE)) * PAGE;
}

function check(bytes: Uint8Array, offset: number): void {
  if (!patternBytes(seed, offset, bytes.length).equals(bytes)) counts.wrong += 1;
}

function reader(): () => void {
  if (kind === 'exec') return runProgram;
  const isDirect = kind === 'direct';
  const fd = openSync(path, constants.O_RDONLY | (isDirect ? constants.O_DIRECT : 0));
  if (kind === 'mmap') {
    const mapped = mapFile(fd, DATA_BYTES);
    return () => {
      const offset = randomOffset(PAGE);
      check(mapped.slice(offset, offset + PAGE), offset);
    };
  }
  const length = kind === 'small' ? PAGE : 1 << 20;
  const buffer = Buffer.alloc(length);
  return () => {
    const offset = randomOffset(length);
    if (!isDirect) dropFilePages(fd);
    const count = readSync(fd, buffer, 0, length, offset);
    if (count !== length) counts.errors += 1;
    else check(buffer, offset);
  };
}

function runProgram(): void {
  const fd = openSync(path, 'r');
  dropFilePages(fd);
  closeSync(fd);
  const result = spawnSync(path, [], { input: 'shoal', encoding: 'utf8' });
  if (result.status !== 0) counts.errors += 1;
  else if (!result.stdout.startsWith(expectedSum)) counts.wrong += 1;
}

const read = reader();
let running = true;
process.stdin.on('end', () => {
  running = false;
});
process.stdin.resume();
process.stdout.write('ready\n');
while (running) {
  const startedAt = performance.now();
  try {
    read();
  } catch {
    counts.errors += 1;
  }
  counts.reads += 1;
  counts.longestMs = Math.max(counts.longestMs, performance.now() - startedAt);
  await new Promise((resolve) => setTimeout(resolve, kind === 'small' ? 0 : 3));
}
process.stdout.write(`${JSON.stringify(counts)}\n`);
process.exit(0);
