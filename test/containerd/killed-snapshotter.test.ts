/**
 * Twenty containers read lazily loaded files while `shoal snapshotter` is killed again and again and
 * started anew, as a service manager does: none notices more than a pause, every byte is right, and
 * containers can be started in between.
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { noise, type TarSpec, temporaryDirectory, writeTar } from '@shoal/test-kit';
import t from 'tap';
import { runShoal } from '../support/shoal-command.ts';
import { buildBusyboxLayout, OUTPUT } from './support/busybox-image.ts';
import { containerName, removeEverything } from './support/containers.ts';
import { type Node, startNode } from './support/node.ts';

const CONTAINERS = 20;
const KILLS = 4;
/** Of each container, for each kill; a pause after each makes the reading last. */
const FILES = 6;
const FILE_BYTES = 96 << 10;
const RUN_MS_MAX = 300_000;

/** Reads the files of container `$1`, each once, and compares their digests: those of a kill when told. */
const SCRIPT = [
  'cd /files/$1',
  `for kill in ${Array.from({ length: KILLS }, (_, kill) => kill).join(' ')}; do`,
  '  until [ -e /go-$kill ]; do sleep 0.1; done',
  '  for list in sums-$kill-*; do sha256sum -c $list >/dev/null || exit 1; sleep 0.3; done',
  'done',
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
  const pids = await pidsOf(node, names);
  for (let kill = 0; kill < KILLS; kill += 1) {
    for (const pid of pids) writeFileSync(`/proc/${pid}/root/go-${kill}`, '');
    await sleep(Math.random() * 1000);
    await snapshotter.stop('SIGKILL');
    await snapshotter.start();
    t.equal(await startAnother(node, image), OUTPUT, `a container started after kill ${kill}`);
  }
  for (const { exitCode, stdout, stderr } of await Promise.all(runs)) {
    t.match({ exitCode, stdout }, { exitCode: 0, stdout: 'all right\n' }, stderr);
  }
  await removeEverything(t, containerd, snapshotter);
});

/** Process ids of the containers when all of them run. */
async function pidsOf({ containerd }: Node, names: readonly string[]): Promise<string[]> {
  const giveUpAt = Date.now() + RUN_MS_MAX;
  for (;;) {
    const { stdout } = await containerd.ctr(['tasks', 'list']);
    const running = new Map(
      [...stdout.matchAll(/^(\S+) +(\d+) +RUNNING\b/gm)].map(([, name, pid]) => [name, pid]),
    );
    const pids = names.flatMap((name) => running.get(name) ?? []);
    if (pids.length === names.length) return pids;
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
    for (let at = 0; at < KILLS * FILES; at++) {
      const file = `${at % KILLS}-${at}`;
      const content = noise(FILE_BYTES, `${container}/${file}`);
      const sum = createHash('sha256').update(content).digest('hex');
      specs.push({ name: `${directory}/file-${file}`, content });
      specs.push({ name: `${directory}/sums-${file}`, content: `${sum}  file-${file}\n` });
    }
  }
  return specs;
}
