/** The end of a process that nobody here has started. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { untilProcessEnds } from '../src/process/process-end.ts';

t.test('a process that ends, one that nobody reaps, none', async (t) => {
  const { signal } = new AbortController();
  // The shell becomes another program, which does not wait for its child.
  const parent = spawn('sh', ['-c', 'sleep 600 & echo $!; exec sleep 600'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  t.teardown(() => parent.kill('SIGKILL'));
  const [line] = await once(parent.stdout, 'data');
  const pid = Number(line);
  const stopped = new AbortController();
  const waiting = untilProcessEnds(pid, stopped.signal);
  stopped.abort();
  await t.rejects(waiting, { name: 'AbortError' });
  const ended = untilProcessEnds(pid, signal);
  t.equal(await Promise.race([ended, sleep(100, 'runs')]), 'runs');
  process.kill(pid, 'SIGKILL');
  await ended;
  await untilProcessEnds(pid, signal);
});
