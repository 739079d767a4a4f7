/** A line between two switches that takes its time: frames wait in a process, since the kernel may not. */
import { join } from 'node:path';
import { runChecked, type TestScope, temporaryDirectory } from '@shoal/test-kit';
import { OwnProgram } from './own-program.ts';

export type DelayLine = {
  /** Namespaces, each with a bridge `switch`. */
  readonly from: string;
  readonly to: string;
  /** Of this line among those of `from`. */
  readonly number: number;
  /** One way. */
  readonly delayMs: number;
};

/** It ends with the test. */
export async function startDelayLine(t: TestScope, line: DelayLine): Promise<void> {
  const { from, to, number, delayMs } = line;
  const directory = temporaryDirectory(t);
  const taps = { near: `near${number}`, far: `far${number}` };
  const script = join(import.meta.dirname, 'delay-line-process.ts');
  const program = new OwnProgram({
    name: 'the delay line',
    program: 'nsenter',
    args: [`--net=/run/netns/${from}`, process.execPath, script, taps.near, taps.far, `${delayMs}`],
    env: process.env,
    logFile: join(directory, 'log'),
  });
  t.teardown(() => program.stop('SIGKILL'));
  await program.start(() => program.log().includes('ready'));
  await runChecked('ip', ['-n', from, 'link', 'set', taps.far, 'netns', to]);
  for (const [namespace, tap] of [
    [from, taps.near],
    [to, taps.far],
  ] as const) {
    await runChecked('ip', ['-n', namespace, 'link', 'set', tap, 'master', 'switch', 'up']);
  }
}
