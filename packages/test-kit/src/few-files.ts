/** Takes from this process what it needs to open files: what happens then is an error, and no crash. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { runChecked } from './run-command.ts';

export type FewFiles = {
  /** As many as before. */
  again(): Promise<void>;
};

/** So many more files may be open than are now. Needs `prlimit`. */
export async function allowFewFiles(more: number): Promise<FewFiles> {
  const pid = String(process.pid);
  const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
  // Started now: later it could not be.
  const undo = spawn('sh', ['-c', `read line; exec prlimit --pid ${pid} --nofile=${soft}:`], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  await once(undo, 'spawn');
  const free = Array.from({ length: more + 1 }, () => openSync('/dev/null', 'r'));
  for (const fd of free) closeSync(fd);
  await runChecked('prlimit', ['--pid', pid, `--nofile=${free[more]}:`]);
  return {
    again: async () => {
      undo.stdin?.end('\n');
      await once(undo, 'close');
    },
  };
}
