/**
 * Reads of 4 KiB at places of files, each timed where it is made: in a process of its own, which waits for the
 * kernel and for nothing else. The file is opened before the clock starts.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { TestScope } from '@shoal/test-kit';
import * as z from 'zod';

export const PAGE_BYTES = 4096;

const readSchema = z.strictObject({ ms: z.number(), digest: z.string() });

export type PageRead = Readonly<z.infer<typeof readSchema>>;

/** In: a path and an offset; out: milliseconds, and the digest of what was read. A failed read ends it. */
const SCRIPT = `
const { openSync, readSync, closeSync } = require('node:fs');
const { createHash } = require('node:crypto');
const page = Buffer.alloc(${PAGE_BYTES});
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { path, at } = JSON.parse(line);
  const fd = openSync(path, 'r');
  const startedAtMs = performance.now();
  const length = readSync(fd, page, 0, page.length, at);
  const ms = performance.now() - startedAtMs;
  closeSync(fd);
  const digest = createHash('sha256').update(page.subarray(0, length)).digest('hex');
  console.log(JSON.stringify({ ms, digest }));
});
`;

export class PageReader {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #answers: AsyncIterator<string>;

  /** It ends with the scope. */
  static start(scope: TestScope): PageReader {
    const child = spawn(process.execPath, ['--eval', SCRIPT], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    scope.teardown(() => void child.kill('SIGKILL'));
    return new PageReader(child);
  }

  private constructor(child: ChildProcessByStdio<Writable, Readable, null>) {
    this.#child = child;
    this.#answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** One at a time. */
  async read(path: string, at: number): Promise<PageRead> {
    this.#child.stdin.write(`${JSON.stringify({ path, at })}\n`);
    const { value, done } = await this.#answers.next();
    if (done === true) throw new Error(`${path} cannot be read at ${at}`);
    return readSchema.parse(JSON.parse(value));
  }
}
