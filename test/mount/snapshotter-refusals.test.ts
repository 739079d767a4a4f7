/** `shoal snapshotter` refuses what it must not touch, in words that say what to do; and the repair. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireMounts, temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { TestClient } from '../../packages/snapshotter/test/support/snapshots-client.ts';
import { startSnapshotter } from '../support/own-snapshotter.ts';
import { tryShoal } from '../support/shoal-command.ts';

t.test('a second daemon, a socket in use, damaged records', async (t) => {
  if (!requireMounts(t)) return;
  const directory = temporaryDirectory(t);
  const daemon = await startSnapshotter(t);
  const refused = async (...args: string[]) => {
    const { exitCode, stderr } = await tryShoal(['snapshotter', ...args], {
      env: daemon.env,
      timeoutMs: 60_000,
    });
    t.equal(exitCode, 1);
    return stderr;
  };
  t.match(await refused(), /a daemon already answers at/, 'the same run directory');
  const sameRoot = await refused('--run', join(directory, 'run'));
  t.match(sameRoot, /another daemon uses .*: stop it first|another daemon uses/, 'the same root');
  const other = ['--root', join(directory, 'root'), '--run', join(directory, 'run')];
  const sameSocket = await refused(...other, '--address', daemon.socket);
  t.match(sameSocket, /cannot listen at .*another process listens there/, 'the same socket');
  t.match(await refused('--repair'), /another daemon uses/, 'no repair while one runs');
  const client = new TestClient(daemon.socket);
  await client.prepare({ key: 'a' });
  await client.commit({ key: 'a', name: 'A' });
  t.equal((await client.list()).length, 1, 'the daemon has noticed nothing');
  client.close();
  await daemon.stop();
  damage(join(daemon.root, 'snapshotter'));
  const damaged = await refused();
  t.match(damaged, /the state in .*snapshotter is damaged/);
  t.match(damaged, /shoal snapshotter --repair/);
  const repaired = await tryShoal(['snapshotter', '--repair'], { env: daemon.env });
  t.match(repaired, { exitCode: 0, stdout: /snapshots are intact/ });
  await daemon.start();
  const again = new TestClient(daemon.socket);
  t.teardown(() => again.close());
  await again.prepare({ key: 'b' });
});

/** Every file of the database but its lock. */
function damage(database: string): void {
  for (const name of readdirSync(database).filter((each) => /\.(log|ldb)$/.test(each))) {
    const bytes = readFileSync(join(database, name));
    writeFileSync(
      join(database, name),
      bytes.map((byte) => byte ^ 0x55),
    );
  }
}
