/** Descriptors that go from process to process: holders with a socket, the store of a manager. */
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { requireTool, runChecked, until } from '@shoal/test-kit';
import t from 'tap';
import {
  holderKind,
  listHolders,
  startHolder,
  stopHolder,
  stopStrayHolders,
} from '../src/holder/holder.ts';
import { adoptFromHolder, watchHolder } from '../src/holder/holder-fds.ts';
import { ServiceManager } from '../src/service-manager.ts';
import { bindUnixSocket, openUnixSocket, receiveWithFds } from '../src/syscalls-socket.ts';

t.setTimeout(120_000);

function textOf(fd: number | undefined): string {
  const text = readFileSync(`/proc/self/fd/${fd}`, 'utf8');
  if (fd !== undefined) closeSync(fd);
  return text;
}

t.test('a holder with a socket hands out what it was given, again and again', async (t) => {
  // Longer than a socket's address: it is reached through its directory.
  const directory = t.testdir({ ['d'.repeat(100)]: { one: 'first', two: 'second' } });
  const socketDirectory = join(directory, 'd'.repeat(100));
  const [one, two] = ['one', 'two'].map((name) => openSync(join(socketDirectory, name), 'r'));
  if (one === undefined || two === undefined) throw new Error('no files');
  const purpose = `socket-${process.pid}`;
  const options = { kind: 'socket', socketDirectory } as const;
  const holder = await startHolder({ one, two }, purpose, options);
  t.teardown(() => stopHolder(holder));
  closeSync(one);
  closeSync(two);
  t.equal(holderKind(holder), 'socket');
  for (let round = 0; round < 3; round += 1) {
    const taken = adoptFromHolder(holder);
    t.same(Object.keys(taken), ['one', 'two']);
    t.equal(textOf(taken['two']), 'second');
    t.equal(textOf(taken['one']), 'first');
  }
  const before = readdirSync('/proc/self/fd').length;
  closeAll(adoptFromHolder(holder));
  t.equal(readdirSync('/proc/self/fd').length, before, 'nothing more is kept open');
  let isGone = false;
  watchHolder(holder, () => {
    isGone = true;
  });
  await stopHolder(holder);
  await until('the watcher says so', () => isGone);
  t.throws(() => adoptFromHolder(holder), { code: 'ERR_LINUX_HOLDER' });
  const stray = await startHolder({ stdin: 0 }, purpose, options);
  stopStrayHolders(purpose, { socketDirectory });
  await until('the stray one is gone', () => listHolders(purpose).length === 0);
  t.same(readdirSync(socketDirectory).sort(), ['one', 'two'], `and ${stray.socket}`);
});

t.test('where pidfd_getfd is refused the holder gets a socket by itself', async (t) => {
  if (!requireTool(t, 'strace')) return;
  const directory = t.testdir({});
  t.teardown(() => stopStrayHolders(directory));
  const script = join(directory, 'start.ts');
  const source = new URL('../src/holder/', import.meta.url).pathname;
  writeFileSync(
    script,
    `import { holderKind, startHolder, stopHolder } from '${source}holder.ts';
     import { adoptFromHolder } from '${source}holder-fds.ts';
     const holder = await startHolder({ input: 0 }, ${JSON.stringify(directory)}, {
       socketDirectory: ${JSON.stringify(directory)},
     });
     const names = Object.keys(adoptFromHolder(holder));
     await stopHolder(holder);
     console.log(JSON.stringify({ kind: holderKind(holder), names }));`,
  );
  const inject = ['-e', 'trace=pidfd_getfd', '-e', 'inject=pidfd_getfd:error=EPERM'];
  const { stdout } = await runChecked('strace', [
    '-o',
    '/dev/null',
    ...inject,
    process.execPath,
    script,
  ]);
  t.same(JSON.parse(stdout), { kind: 'socket', names: ['input'] });
  // A process that was killed has its environment until it is gone.
  await until('no holder is left', () => listHolders(directory).length === 0);
});

t.test('a manager is told, keeps descriptors, and gives them back', async (t) => {
  const directory = t.testdir({ file: 'kept' });
  const path = join(directory, 'notify.sock');
  const manager = openUnixSocket('datagram');
  t.teardown(() => closeSync(manager));
  bindUnixSocket(manager, path);
  const env: Record<string, string | undefined> = { NOTIFY_SOCKET: path, PATH: '/bin' };
  const service = ServiceManager.fromEnvironment(env, process.pid);
  t.same(env, { PATH: '/bin' }, 'children do not see it');
  t.ok(service.isPresent);
  service.notify('READY=1');
  const fd = openSync(join(directory, 'file'), 'r');
  service.keepFd('shoal-fuse-1', fd);
  closeSync(fd);
  service.forgetFd('shoal-fuse-1');
  const next = () => receiveWithFds(manager, 4096, { wait: false });
  t.same(next(), { bytes: Buffer.from('READY=1'), fds: [] });
  const stored = next();
  t.equal(String(stored?.bytes), 'FDSTORE=1\nFDNAME=shoal-fuse-1\nFDPOLL=0');
  t.equal(textOf(stored?.fds[0]), 'kept');
  t.equal(String(next()?.bytes), 'FDSTOREREMOVE=1\nFDNAME=shoal-fuse-1');
  t.equal(next(), undefined);
  t.throws(() => service.keepFd('a:b', 0), RangeError);
});

t.test('descriptors of a start are taken by name, only by the process they are for', async (t) => {
  const directory = t.testdir({ a: 'A', b: 'B' });
  mkdirSync(join(directory, 'x'));
  const script = join(directory, 'taker.ts');
  const source = new URL('../src/', import.meta.url).pathname;
  writeFileSync(
    script,
    `import { readFileSync, readdirSync } from 'node:fs';
     import { ServiceManager } from '${source}service-manager.ts';
     const manager = ServiceManager.fromEnvironment(process.env, Number(process.env['FOR'] ?? process.pid));
     const fd = manager.takeFd('b');
     console.log(fd === undefined ? 'none' : readFileSync('/proc/self/fd/' + fd, 'utf8'));
     console.log(manager.takeFd('b') === undefined, manager.isPresent);
     manager.dropRest();
     console.log(manager.takeFd('a') === undefined);`,
  );
  const shell = 'export LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=a:b; exec "$@" 3<a 4<b';
  const run = (env: NodeJS.ProcessEnv) =>
    runChecked('sh', ['-c', shell, 'sh', process.execPath, script], {
      cwd: directory,
      env: { ...process.env, ...env },
    });
  t.equal((await run({})).stdout, 'B\ntrue false\ntrue\n');
  t.equal((await run({ FOR: '1' })).stdout, 'none\ntrue false\ntrue\n');
});

function closeAll(fds: Readonly<Record<string, number>>): void {
  for (const fd of Object.values(fds)) closeSync(fd);
}
