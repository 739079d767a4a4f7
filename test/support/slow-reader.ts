/** A process that has opened a file and reads it only when it is told to. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import type { TestScope } from '@shoal/test-kit';

export type SlowReader = {
  /** Reads to the end; the file is closed when it resolves. Empty when the read failed. */
  digest(): Promise<string>;
};

/** Resolves when the file is open. */
export async function holdOpen(t: TestScope, path: string): Promise<SlowReader> {
  const script = 'exec 3< "$0"; echo open >&2; read -r go; sha256sum <&3';
  const child = spawn('sh', ['-c', script, path], { stdio: ['pipe', 'pipe', 'pipe'] });
  t.teardown(() => void child.kill('SIGKILL'));
  const answer = text(child.stdout);
  // It closes its output before the file.
  const ended = once(child, 'exit');
  await once(child.stderr, 'data');
  return {
    digest: async () => {
      child.stdin.end('go\n');
      await ended;
      return (await answer).slice(0, 64);
    },
  };
}
