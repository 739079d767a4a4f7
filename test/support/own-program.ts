/** A program that a test runs beside itself: a child of the test, which writes its log to a file. */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export type OwnProgramCommand = {
  /** For errors, and in place of its path. */
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Appended to by all its runs. */
  readonly logFile: string;
};

const START_MS_MAX = 180_000;
const LOG_END_LENGTH = 16_384;

export class OwnProgram {
  readonly #command: OwnProgramCommand;
  #child: ChildProcess | undefined;

  constructor(command: OwnProgramCommand) {
    this.#command = command;
  }

  /** Undefined while it does not run. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** What all its runs have logged so far. */
  log(): string {
    return readFileSync(this.#command.logFile, 'utf8');
  }

  /** Resolves when it answers; rejects, with the end of its log, when it ends before that. */
  async start(answers: () => Promise<boolean> | boolean): Promise<void> {
    const { name, program, args, env, logFile } = this.#command;
    const fd = openSync(logFile, 'a');
    const child = spawn(program, args, { env, stdio: ['ignore', fd, fd] });
    closeSync(fd);
    this.#child = child;
    let state = 'it still runs';
    const forget = (how: string) => {
      state = how;
      if (this.#child === child) this.#child = undefined;
    };
    child.once('error', (error) => forget(error.message));
    child.once('exit', (code, signal) => forget(`it ended with ${signal ?? code}`));
    const giveUpAt = Date.now() + START_MS_MAX;
    while (!(await answers())) {
      if (this.#child !== child || Date.now() > giveUpAt) {
        throw new Error(`${name} does not start: ${state}\n${this.log().slice(-LOG_END_LENGTH)}`);
      }
      await sleep(25);
    }
  }

  /** Resolves when it has ended; one that does not end by itself is killed when that is asked for. */
  async stop(
    signal: NodeJS.Signals = 'SIGTERM',
    { killAfterMs }: { readonly killAfterMs?: number } = {},
  ): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    const timer =
      killAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfterMs);
    await ended;
    clearTimeout(timer);
  }
}
