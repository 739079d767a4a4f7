/**
 * Twenty containers read lazily loaded files while `shoal snapshotter` is killed again and again and
 * started anew, as a service manager does: none notices more than a pause, every byte is right, and
 * containers can be started in between.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { noise, type TarSpec, temporaryDirectory, writeTar } from '@shoal/test-kit';
import t from 'tap';
import { runShoal } from '../support/shoal-command.ts';
import { buildBusyboxLayout, OUTPUT } from './support/busybox-image.ts';
import { containerName, removeEverything } from './support/containers.ts';
import { type Node, startNode } from './support/node.ts';

const CONTAINERS = 20;
/** Of each container; a pause after each makes the reading last. */
const FILES = 30;
const FILE_BYTES = 96 << 10;
const KILLS_MIN = 3;
const RUN_MS_MAX = 300_000;

/** Reads the files of container `$1`, each once, and compares their digests. */
const SCRIPT = [
  'cd /files/$1',
  'for list in sums-*; do sha256sum -c $list >/dev/null || exit 1; sleep 0.3; done',
  'echo all right',
].join('\n');

t.test('killed under read load', async (t) => {
  const node = await startNode(t, '1.6');
  if (node === undefined) return;
  const { containerd, registry, snapshotter } = node;
  const layout = buildBusyboxLayout(join(temporaryDirectory(t), 'layout'), [writeTar(files())]);
  const image = `${registry.host}/test/files:latest`;
  await runShoal(['convert', '--source', `oci:${layout}`, '--target', image]);
  await containerd.client(['pull', image]);
  const names = Array.from({ length: CONTAINERS }, containerName);
  const runs = names.map((name, index) => {
    const args = ['sh', '-c', SCRIPT, 'sh', `${index}`];
    return containerd.tryClient(['run', image, name, ...args], { timeoutMs: RUN_MS_MAX });
  });
  let areRunning = true;
  const ends = Promise.all(runs).finally(() => {
    areRunning = false;
  });
  await untilStarted(node, names);
  let kills = 0;
  while (areRunning) {
    await snapshotter.stop('SIGKILL');
    if (areRunning) kills += 1;
    await snapshotter.start();
    t.equal(await startAnother(node, image), OUTPUT, `a container started after kill ${kills}`);
    await sleep(Math.random() * 1000);
  }
  for (const { exitCode, stdout, stderr } of await ends) {
    t.match({ exitCode, stdout }, { exitCode: 0, stdout: 'all right\n' }, stderr);
  }
  t.ok(kills >= KILLS_MIN, `killed ${kills} times while containers ran`);
  await removeEverything(t, containerd, snapshotter);
});

async function untilStarted({ containerd }: Node, names: readonly string[]): Promise<void> {
  const giveUpAt = Date.now() + RUN_MS_MAX;
  for (;;) {
    const { stdout } = await containerd.ctr(['tasks', 'list']);
    const running = stdout.split('\n').filter((line) => /\bRUNNING$/.test(line.trim()));
    if (names.every((name) => running.some((line) => line.startsWith(`${name} `)))) return;
    if (Date.now() > giveUpAt) throw new Error(`containers do not start:\n${stdout}`);
    await sleep(100);
  }
}

/** containerd waits up to three seconds before it connects again, and refuses meanwhile. */
async function startAnother({ containerd }: Node, image: string): Promise<string> {
  const giveUpAt = Date.now() + RUN_MS_MAX;
  for (;;) {
    const { exitCode, stdout, stderr } = await containerd.tryClient([
      ...['run', image, containerName()],
    ]);
    if (exitCode === 0) return stdout;
    if (!/connection error|unavailable/i.test(stderr) || Date.now() > giveUpAt) return stderr;
    await sleep(200);
  }
}

/** A directory for each container: files of its own, and a list of digests for each. */
function files(): TarSpec[] {
  const specs: TarSpec[] = [{ name: 'files/', type: 'directory' }];
  for (let container = 0; container < CONTAINERS; container++) {
    const directory = `files/${container}`;
    specs.push({ name: `${directory}/`, type: 'directory' });
    for (let file = 10; file < 10 + FILES; file++) {
      const content = noise(FILE_BYTES, `${container}/${file}`);
      const sum = createHash('sha256').update(content).digest('hex');
      specs.push({ name: `${directory}/file-${file}`, content });
      specs.push({ name: `${directory}/sums-${file}`, content: `${sum}  file-${file}\n` });
    }
  }
  return specs;
}
