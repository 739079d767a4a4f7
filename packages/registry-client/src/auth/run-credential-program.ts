/**
 * Runs a program that answers with credentials: input on its standard input, the answer on its
 * standard output, both bounded, and an end to its time whatever it has started itself.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { CredentialHelperError } from '../errors.ts';
import type { Environment } from '../http/proxy-environment.ts';
import { HELPER_ANSWER_BYTES_MAX } from '../limits.ts';

export type CredentialProgram = {
  /** A path, or a name that is looked for in PATH. */
  readonly program: string;
  readonly argv: readonly string[];
  readonly input: string;
  readonly env: Environment;
  readonly timeoutMs: number;
  /** What to do when it cannot be run. */
  readonly remedy: string;
};

/** `status` is the exit code, the name of the signal that ended it, or `too late`, `too much`. */
export type ProgramAnswer = { readonly status: number | string; readonly output: Buffer };

/** Throws `ERR_REGISTRY_CLIENT_CREDENTIAL_HELPER` when it cannot be started. */
export function runCredentialProgram(options: CredentialProgram): Promise<ProgramAnswer> {
  const { program, argv, input, env, timeoutMs, remedy } = options;
  return new Promise((resolve, reject) => {
    const child = spawn(program, argv, {
      env: { ...env },
      stdio: ['pipe', 'pipe', 'ignore'],
      // a group of its own, so that what it starts ends with it
      detached: true,
    });
    const pieces: Buffer[] = [];
    let sizeBytes = 0;
    const finish = (status: number | string) => {
      clearTimeout(timer);
      child.stdout.destroy();
      resolve({ status, output: Buffer.concat(pieces) });
    };
    const giveUp = (why: string) => {
      endGroup(child);
      finish(why);
    };
    // the option `timeout` of spawn keeps the process alive when the program does not exist
    const timer = setTimeout(() => giveUp('too late'), timeoutMs);
    child.on('error', (error) => {
      clearTimeout(timer);
      reject(new CredentialHelperError(`${program} cannot be run`, { cause: error, remedy }));
    });
    // without a process there may be no streams: the error says why (EMFILE)
    if (child.pid === undefined) return;
    child.stdout.on('data', (piece: Buffer) => {
      sizeBytes += piece.byteLength;
      if (sizeBytes > HELPER_ANSWER_BYTES_MAX) giveUp('too much');
      else pieces.push(piece);
    });
    child.on('close', (code, signal) => finish(code ?? signal ?? 'unknown'));
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // it has ended meanwhile
  }
}
