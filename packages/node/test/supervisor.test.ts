/** The shell that keeps a daemon alive, with shells in the daemon's place. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';

const SUPERVISOR = fileURLToPath(new URL('../src/process/supervisor.sh', import.meta.url));
const WAIT_MS_MAX = 60_000;

type Supervised = { readonly status: unknown; readonly starts: number; readonly log: string };

/** `script` is the daemon: $0 the file it notes its starts in. Rejects when nobody ends. */
async function supervise(
  t: Parameters<typeof temporaryDirectory>[0],
  script: string,
  whenStarted: (supervisor: number) => void = () => {},
): Promise<Supervised> {
  const run = temporaryDirectory(t);
  const notes = join(run, 'notes');
  writeFileSync(notes, '');
  const command = ['sh', '-c', `echo start >> "$0"; ${script}`, notes];
  const child = spawn('sh', [SUPERVISOR, run, ...command], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'ignore'],
  });
  let log = '';
  child.stderr?.on('data', (piece) => {
    log += String(piece);
  });
  const ended = once(child, 'close', { signal: AbortSignal.timeout(WAIT_MS_MAX) });
  t.teardown(() => {
    try {
      process.kill(-Number(child.pid), 'SIGKILL');
    } catch {
      // All have ended.
    }
  });
  const starts = () => readFileSync(notes, 'utf8').split('\n').length - 1;
  while (starts() === 0 && child.exitCode === null && child.signalCode === null) await sleep(5);
  whenStarted(Number(child.pid));
  const [status] = await ended;
  return { status, starts: starts(), log };
}

t.test('a daemon that dies comes back until it ends by being asked to', async (t) => {
  const script = 'if [ "$(wc -l < "$0")" -lt 3 ]; then kill -9 $$; fi; exit 0';
  const { status, starts, log } = await supervise(t, script);
  t.equal(status, 0);
  t.equal(starts, 3);
  const lines = log.trim().split('\n');
  t.match(
    lines.map((line) => JSON.parse(line).message),
    [/status 137.*0 s$/, /status 137.*1 s$/],
  );
});

t.test('one that does not start, or finds another, does not come back', async (t) => {
  t.match(await supervise(t, 'exit 3'), { status: 3, starts: 1 });
  t.match(await supervise(t, 'exit 4'), { status: 0, starts: 1 });
});

t.test('a signal reaches the daemon, also one that comes while it is being started', async (t) => {
  const loop = "trap 'exit 0' TERM; while :; do sleep 0.02; done";
  const told = await supervise(t, loop, (pid) => process.kill(pid, 'SIGTERM'));
  t.match(told, { status: 0, starts: 1 });
  const early = await Promise.all(
    Array.from({ length: 40 }, () => supervise(t, `kill -TERM $PPID; ${loop}`)),
  );
  t.ok(early.every(({ status, starts }) => status === 0 && starts === 1));
});

t.test('no daemon leaves a core file, the first and the next', async (t) => {
  // The hard limit, too: else a program could raise it again.
  const script = 'ulimit -c >&2; ulimit -Hc >&2; [ "$(wc -l < "$0")" -ge 2 ] || kill -9 $$';
  const { log, starts } = await supervise(t, script);
  t.equal(starts, 2);
  const limits = log.split('\n').filter((line) => line !== '' && !line.startsWith('{'));
  t.same(limits, ['0', '0', '0', '0']);
});
