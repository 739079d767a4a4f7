/**
 * The registry refuses Shoal, limits it, fails, goes away, hangs or lies, while containerd itself is
 * served: a pull of a name with a converted image falls back to the ordinary one and says why; the
 * next pull is lazy again; a container that reads meanwhile waits, or has an error, never wrong bytes.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { ControlClient, daemonPaths } from '@shoal/node';
import { requireTool, temporaryDirectory, until } from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { startDockerRegistry } from '../support/docker-registry.ts';
import { type OwnSnapshotter, startSnapshotter } from '../support/own-snapshotter.ts';
import {
  openRegistryGate,
  type RegistryFault,
  type RegistryGate,
} from '../support/registry-gate.ts';
import { runShoal } from '../support/shoal-command.ts';
import { buildBusyboxLayout, largeContent, OUTPUT, pushLayout } from './support/busybox-image.ts';
import { containerName, removeEverything, runInside } from './support/containers.ts';
import {
  type Installation,
  OUTER_RELEASES,
  type OuterRelease,
  startRelease,
} from './support/releases.ts';

t.setTimeout(900_000);

/** What `shoal status` says of the image that was not found because of it. */
const REASONS: Readonly<Record<RegistryFault, RegExp>> = {
  unauthorized: /credentials are wanted/,
  'too-many': /status 429|has not said yet/,
  error: /status 500|has not said yet/,
  down: /connection broke|nobody answers|has not said yet/,
  // What the last pull has found is known, and has to be mounted again.
  hang: /not ready after \d+ ms: |silent/,
  lie: /digest|not JSON|does not|cannot|is not/i,
};

/** Every fault once, three with each release. */
const FAULTS: Readonly<Record<OuterRelease, readonly RegistryFault[]>> = {
  '1.6': ['unauthorized', 'error', 'lie'],
  '2': ['too-many', 'down', 'hang'],
};

/** A registry that hangs holds a pull up so long. */
const CONFIG = '[snapshotter]\nlookup_timeout_ms = 20000\n';
const PART_BYTES = 1 << 20;

type World = {
  readonly gate: RegistryGate;
  readonly containerd: Installation;
  readonly snapshotter: OwnSnapshotter;
  /** Its converted image is a referrer of it. */
  readonly original: string;
  readonly converted: string;
};

for (const release of OUTER_RELEASES) {
  t.test(`containerd ${release}`, async (t) => {
    const world = await startWorld(t, release);
    if (world === undefined) return;
    for (const fault of FAULTS[release]) {
      await t.test(`${fault}: a pull`, (t) => pullDuring(t, world, fault));
      await removeEverything(t, world.containerd, world.snapshotter);
    }
    await t.test('reads', (t) => readDuring(t, world, FAULTS[release]));
    await removeEverything(t, world.containerd, world.snapshotter);
  });
}

async function startWorld(t: Test, release: OuterRelease): Promise<World | undefined> {
  if (!requireTool(t, 'docker-registry', 'skopeo', 'busybox')) return undefined;
  const directory = temporaryDirectory(t);
  const registry = await startDockerRegistry(t, join(directory, 'registry'));
  const gate = await openRegistryGate(t, registry.host);
  const snapshotter = await startSnapshotter(t, { config: CONFIG });
  const containerd = await startRelease(t, release, snapshotter);
  if (containerd === undefined) return undefined;
  const layout = buildBusyboxLayout(join(directory, 'layout'));
  const names = [`${registry.host}/test/app:plain`, `${registry.host}/test/app:lazy`] as const;
  await pushLayout(layout, names[0]);
  await runShoal(['convert', '--source', names[0], '--target', names[1], '--with-referrer']);
  const [original = '', converted = ''] = ['plain', 'lazy'].map(
    (tag) => `${gate.host}/test/app:${tag}`,
  );
  return { gate, containerd, snapshotter, original, converted };
}

/** With the registry as it should be once more, the image that was unpacked is lazy at the next pull. */
async function pullDuring(t: Test, world: World, fault: RegistryFault): Promise<void> {
  const { gate, containerd, original } = world;
  gate.fault = fault;
  await containerd.client(['pull', original]);
  t.equal((await containerd.client(['run', original, containerName()])).stdout, OUTPUT);
  const { lazy, ordinary } = (await statusOf(world)).images;
  t.same(lazy, []);
  t.match(ordinary, [{ imageRef: original, reason: REASONS[fault] }]);
  gate.fault = undefined;
  await containerd.ctr(['images', 'remove', '--sync', original]);
  await until(
    'nothing is left of it',
    async () => (await statusOf(world)).images.ordinary.length === 0,
  );
  await containerd.client(['pull', original]);
  t.match((await statusOf(world)).images, { lazy: [{ imageRef: original }], ordinary: [] });
  t.equal((await containerd.client(['run', original, containerName()])).stdout, OUTPUT);
}

/** From the last part of a file to the first: nothing is read ahead that way. */
async function readDuring(t: Test, world: World, faults: readonly RegistryFault[]): Promise<void> {
  const { gate, containerd, converted } = world;
  await containerd.client(['pull', converted]);
  const name = containerName();
  const run = ['run', '--detach', '--snapshotter', 'shoal', converted, name, 'sleep', '10000'];
  await containerd.ctr(run);
  for (const [at, fault] of faults.entries()) {
    const part = 7 - at;
    gate.fault = fault;
    const before = gate.faults;
    const reading = readPart(containerd, name, part);
    await until('a request has met the fault', () => gate.faults > before);
    // A source that lies does not heal: after some rounds its reader has an error.
    const early = fault === 'lie' ? await reading : undefined;
    if (early !== undefined) t.equal(early, 'failed', 'no wrong byte is given');
    gate.fault = undefined;
    const late = early === undefined ? await reading : await readPart(containerd, name, part);
    t.equal(late, digestOfPart(part), `${fault}: the bytes are right`);
  }
  await containerd.ctr(['tasks', 'delete', '--force', name]);
  await containerd.ctr(['containers', 'delete', name]);
}

async function readPart(containerd: Installation, name: string, part: number): Promise<string> {
  const file = `/tmp/part-${part}`;
  const dd = `dd if=/unread of=${file} bs=${PART_BYTES} count=1 skip=${part} 2>/dev/null`;
  const stdout = await runInside(containerd, name, `${dd} && sha256sum ${file} || echo failed`);
  return stdout.split(' ')[0]?.trim() ?? '';
}

function digestOfPart(part: number): string {
  const bytes = largeContent().subarray(part * PART_BYTES, (part + 1) * PART_BYTES);
  return createHash('sha256').update(bytes).digest('hex');
}

function statusOf({ snapshotter }: World) {
  const { root, run } = snapshotter;
  return new ControlClient(daemonPaths({ root, run }).socket).status();
}
