/**
 * containerd and `shoal snapshotter` end and start again, alone and together, in either order, below
 * running containers: those go on, what was not read yet is read, and new ones start.
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { largeContent, OUTPUT } from './support/busybox-image.ts';
import { containerName, removeEverything, runByCtr, runInside } from './support/containers.ts';
import { type Node, startNode } from './support/node.ts';
import { OUTER_RELEASES } from './support/releases.ts';

type Running = {
  readonly image: string;
  readonly name: string;
  /** Parts of /unread that were read so far. */
  parts: number;
};

const PART_BYTES = 1 << 20;
const RECONNECT_MS_MAX = 60_000;
/** The end of a lease makes containerd collect garbage. */
const LEASE = 'shoal-test';

const RESTARTS: Readonly<Record<string, (node: Node) => Promise<void>>> = {
  async 'the snapshotter ends and starts'({ snapshotter }) {
    await snapshotter.stop();
    await snapshotter.start();
  },
  async 'containerd ends and starts'({ containerd }) {
    await containerd.stop();
    await containerd.start();
  },
  async 'both are killed, the snapshotter starts first'({ containerd, snapshotter }) {
    await Promise.all([containerd.stop('SIGKILL'), snapshotter.stop('SIGKILL')]);
    await snapshotter.start();
    await containerd.start();
  },
  async 'both are killed, containerd starts first'({ containerd, snapshotter }) {
    await Promise.all([containerd.stop('SIGKILL'), snapshotter.stop('SIGKILL')]);
    await containerd.start();
    await snapshotter.start();
  },
};

for (const release of OUTER_RELEASES) {
  t.test(`containerd ${release}`, async (t) => {
    const node = await startNode(t, release);
    if (node === undefined) return;
    const { containerd, snapshotter } = node;
    const running: Running[] = [];
    for (const image of [node.ordinary, node.converted]) running.push(await run(node, image));
    const before = await snapshotsOf(node);
    for (const [name, restart] of Object.entries(RESTARTS)) {
      await t.test(name, async (t) => {
        await restart(node);
        t.same(await snapshotsOf(node), before, 'no snapshot is lost');
        for (const container of running) await goesOn(t, node, container);
      });
    }
    for (const { name } of running) {
      await containerd.ctr(['tasks', 'delete', '--force', name]);
      await containerd.ctr(['containers', 'delete', name]);
    }
    await removeEverything(t, containerd, snapshotter);
  });
}

async function run({ containerd }: Node, image: string): Promise<Running> {
  const name = containerName();
  await containerd.client(['pull', image]);
  const args = ['run', '--detach', '--snapshotter', 'shoal', image, name, 'sleep', '10000'];
  await containerd.ctr(args);
  return { image, name, parts: 0 };
}

/** Names, parents and kinds as containerd lists them, after its garbage collection. */
async function snapshotsOf({ containerd }: Node): Promise<string[]> {
  const list = ['snapshots', '--snapshotter', 'shoal', 'list'];
  // containerd waits up to three seconds before it connects again, and refuses meanwhile.
  const giveUpAt = Date.now() + RECONNECT_MS_MAX;
  while ((await containerd.tryCtr(list)).exitCode !== 0 && Date.now() < giveUpAt) await sleep(200);
  await containerd.ctr(['leases', 'create', '--id', LEASE]);
  await containerd.ctr(['leases', 'delete', '--sync', LEASE]);
  return (await containerd.ctr(list)).stdout.split('\n').toSorted();
}

function digestOfPart(index: number): string {
  const part = largeContent().subarray(index * PART_BYTES, (index + 1) * PART_BYTES);
  return createHash('sha256').update(part).digest('hex');
}

async function goesOn(t: Test, { containerd }: Node, container: Running): Promise<void> {
  const { image, name } = container;
  const part = `dd if=/unread bs=${PART_BYTES} count=1 skip=${container.parts}`;
  const script = `${part} 2>/dev/null | sha256sum; echo ${container.parts} >> log; cat log`;
  const stdout = await runInside(containerd, name, script);
  container.parts += 1;
  const lines = Array.from({ length: container.parts }, (_, index) => `${index}\n`).join('');
  t.equal(stdout, `${digestOfPart(container.parts - 1)}  -\n${lines}`, `${image} goes on`);
  t.equal(await runByCtr(containerd, image), OUTPUT, `another container of ${image}`);
}
