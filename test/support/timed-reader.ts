/**
 * Small reads of files, one at a time, each timed where it is made: in a process of its own, which waits
 * for the kernel and for nothing else.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { TestScope } from '@shoal/test-kit';

export type TimedRead = {
  readonly ms: number;
  /** In hex; empty when the read failed. */
  readonly bytes: string;
};

/** In: a path; out: milliseconds, and what the file begins with. */
const SCRIPT = `
const { openSync, readSync, closeSync } = require('node:fs');
const bytes = Buffer.alloc(Number(process.argv[1]));
require('node:readline').createInterface({ input: process.stdin }).on('line', (path) => {
  const startedAtMs = performance.now();
  let found = '';
  try {
    const fd = openSync(path, 'r');
    try {
      found = bytes.toString('hex', 0, readSync(fd, bytes, 0, bytes.length, 0));
    } finally {
      closeSync(fd);
    }
  } catch {}
  console.log((performance.now() - startedAtMs) + ' ' + found);
});
`;

export class TimedReader {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #answers: AsyncIterator<string>;

  /** It ends with the test. */
  static start(t: TestScope, bytes: number): TimedReader {
    const child = spawn(process.execPath, ['--eval', SCRIPT, String(bytes)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    t.teardown(() => void child.kill('SIGKILL'));
    return new TimedReader(child);
  }

  private constructor(child: ChildProcessByStdio<Writable, Readable, null>) {
    this.#child = child;
    this.#answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** One at a time. */
  async read(path: string): Promise<TimedRead> {
    this.#child.stdin.write(`${path}\n`);
    const { value = '' } = await this.#answers.next();
    const [ms, bytes = ''] = String(value).split(' ');
    return { ms: Number(ms), bytes };
  }
}
