/**
 * `shoal snapshotter` is killed at the boundaries of the ten requests as containerd makes them, below
 * twenty containers that read lazily loaded files all the time: none notices more than a pause, and
 * after each kill containerd and the snapshotter know the same snapshots.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  noise,
  requireTool,
  type TarSpec,
  temporaryDirectory,
  until,
  writeTar,
} from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { TestClient } from '../../packages/snapshotter/test/support/snapshots-client.ts';
import { buildBusyboxLayout } from '../containerd/support/busybox-image.ts';
import { containerName } from '../containerd/support/containers.ts';
import {
  type Installation,
  OUTER_RELEASES,
  type OuterRelease,
  startRelease,
} from '../containerd/support/releases.ts';
import {
  type Boundary,
  type MortalSnapshotter,
  startMortalSnapshotter,
} from '../support/boundaries.ts';
import { startDockerRegistry } from '../support/docker-registry.ts';
import { runShoal } from '../support/shoal-command.ts';

t.setTimeout(1_700_000);

const CONTAINERS = 20;
/** Of each container: new ones for three minutes, of which each kill takes some seconds. */
const FILES = 60;
const FILE_BYTES = 24 << 10;
const RUN_MS_MAX = 1_700_000;
/** The end of a lease makes containerd collect garbage: List, Remove and Cleanup are its requests. */
const LEASE = 'shoal-test';
const SNAPSHOTS = ['snapshots', '--snapshotter', 'shoal'];

/** Half of the boundaries with each release: a kill takes as long as containerd waits to connect. */
const BOUNDARIES: Readonly<Record<OuterRelease, readonly Boundary[]>> = {
  '1.6': ['before-write', 'before-reply'],
  '2': ['after-write', 'after-reply'],
};

type Request = {
  readonly method: string;
  readonly isReading?: boolean;
  /** What makes containerd ask for it, with a snapshot `KEY-active`, and `KEY-done` below it. */
  readonly ctr: (key: string) => readonly (readonly string[])[];
};

const collect = [
  ['leases', 'create', '--id', LEASE],
  ['leases', 'delete', '--sync', LEASE],
] as const;

/** containerd looks for what it can collect only after something was removed. */
const removeAndCollect = [
  [...SNAPSHOTS, 'prepare', 'removed'],
  [...SNAPSHOTS, 'rm', 'removed'],
  ...collect,
] as const;

const REQUESTS: readonly Request[] = [
  { method: 'Prepare', ctr: (key) => [[...SNAPSHOTS, 'prepare', key, `${key}-done`]] },
  { method: 'View', ctr: (key) => [[...SNAPSHOTS, 'view', key, `${key}-done`]] },
  { method: 'Commit', ctr: (key) => [[...SNAPSHOTS, 'commit', key, `${key}-active`]] },
  { method: 'Update', ctr: (key) => [[...SNAPSHOTS, 'label', `${key}-done`, 'x=y']] },
  { method: 'Remove', ctr: (key) => [[...SNAPSHOTS, 'rm', `${key}-active`], ...collect] },
  {
    method: 'Mounts',
    isReading: true,
    ctr: (key) => [[...SNAPSHOTS, 'mounts', '/x', `${key}-active`]],
  },
  { method: 'Stat', isReading: true, ctr: (key) => [[...SNAPSHOTS, 'info', `${key}-done`]] },
  { method: 'Usage', isReading: true, ctr: (key) => [[...SNAPSHOTS, 'usage', `${key}-active`]] },
  { method: 'List', isReading: true, ctr: () => removeAndCollect },
  { method: 'Cleanup', isReading: true, ctr: () => removeAndCollect },
];

/** Reads and compares the files of container `$1`, one after the other and again, until /stop/now is there. */
const SCRIPT = [
  'cd /files/$1',
  'while :; do',
  '  for list in sums-*; do',
  '    sha256sum -c $list >/dev/null || exit 1',
  '    [ -e /stop/now ] && echo all right && exit 0',
  '    sleep 3',
  '  done',
  'done',
].join('\n');

type World = {
  readonly containerd: Installation;
  readonly snapshotter: MortalSnapshotter;
};

for (const release of OUTER_RELEASES) {
  t.test(`containerd ${release}`, async (t) => {
    if (!requireTool(t, 'docker-registry', 'busybox')) return;
    const directory = temporaryDirectory(t);
    const registry = await startDockerRegistry(t, join(directory, 'registry'));
    const config = '[snapshotter]\nlookup_timeout_ms = 60000\n';
    const snapshotter = await startMortalSnapshotter(t, { config });
    const containerd = await startRelease(t, release, snapshotter);
    if (containerd === undefined) return;
    const world = { containerd, snapshotter };
    const layout = buildBusyboxLayout(join(directory, 'layout'), [writeTar(files())]);
    const image = `${registry.host}/test/files:latest`;
    await runShoal(['convert', '--source', `oci:${layout}`, '--target', image]);
    await containerd.client(['pull', image]);
    const readers = await startReaders(world, image, join(directory, 'stop'));
    for (const request of REQUESTS) {
      const { isReading = false } = request;
      const boundaries = BOUNDARIES[release].filter((each) => !isReading || /reply/.test(each));
      for (const boundary of boundaries) await cutAt(t, world, request, boundary);
    }
    for (const { exitCode, stdout, stderr } of await readers.ended()) {
      t.match({ exitCode, stdout }, { exitCode: 0, stdout: 'all right\n' }, stderr);
    }
    const [own, theirs] = await bothViews(world);
    t.same(own, theirs, 'both know the same at the end');
  });
}

let number = 0;

async function cutAt(t: Test, world: World, { method, ctr }: Request, boundary: Boundary) {
  const { containerd, snapshotter } = world;
  number += 1;
  const key = `key-${number}`;
  const what = `${method} ${boundary}`;
  await containerd.ctr([...SNAPSHOTS, 'prepare', `${key}-below`]);
  await containerd.ctr([...SNAPSHOTS, 'commit', `${key}-done`, `${key}-below`]);
  await containerd.ctr([...SNAPSHOTS, 'prepare', `${key}-active`, `${key}-done`]);
  snapshotter.cut(method, boundary);
  for (const args of ctr(key)) await containerd.tryCtr(args);
  if (!(await snapshotter.hasDied())) {
    t.fail(`${what}: containerd did not ask`);
    return;
  }
  await snapshotter.start();
  // containerd waits up to three seconds before it connects again, and refuses meanwhile.
  await until('containerd has the snapshotter again', async () => {
    const { exitCode } = await containerd.tryCtr([...SNAPSHOTS, 'usage', `${key}-done`]);
    return exitCode === 0;
  });
  const [own, theirs] = await bothViews(world);
  t.same(own, theirs, `${what}: both know the same`);
  const args = ctr(key);
  for (const command of args) await containerd.tryCtr(command);
  const [after, theirsAfter] = await bothViews(world);
  t.same(after, theirsAfter, `${what}: and after the same once more`);
}

/**
 * Names of containerd's as the two know them: the snapshotter's begin with name space and number. What
 * was made and never answered is collected by containerd, as soon as any snapshot was removed.
 */
async function bothViews({ containerd, snapshotter }: World): Promise<[string[], string[]]> {
  for (const args of removeAndCollect) await containerd.tryCtr(args);
  const { stdout } = await containerd.ctr([...SNAPSHOTS, 'list']);
  const rows = stdout.trim().split('\n').slice(1);
  const theirs = rows
    .map((row) => row.trim().split(/\s+/))
    .map(([name, ...rest]) => `${name} ${rest.at(-1)}`);
  const client = new TestClient(snapshotter.socket);
  try {
    await client.cleanup();
    const kinds = ['', 'View', 'Active', 'Committed'];
    const infos = await client.list();
    const own = infos.map(({ name, kind, labels }) => {
      const target = labels.get('containerd.io/snapshot.ref');
      const isLazy = name.startsWith('lazy/');
      return `${isLazy ? target : name.replace(/^[^/]+\/\d+\//, '')} ${kinds[kind]}`;
    });
    const directories = readdirSync(join(snapshotter.root, 'snapshots'));
    if (directories.length !== infos.length) own.push(`${directories.length} directories`);
    return [own.toSorted(), theirs.toSorted()];
  } finally {
    client.close();
  }
}

async function startReaders({ containerd }: World, image: string, stop: string) {
  mkdirSync(stop);
  const names = Array.from({ length: CONTAINERS }, containerName);
  for (const [index, name] of names.entries()) {
    await containerd.ctr([
      ...['run', '--detach', '--snapshotter', 'shoal'],
      ...['--mount', `type=bind,src=${stop},dst=/stop,options=rbind:ro`],
      ...['--log-uri', `file://${join(stop, name)}`],
      ...[image, name, 'sh', '-c', SCRIPT, 'sh', `${index}`],
    ]);
  }
  const endOf = async (name: string) => {
    const giveUpAt = Date.now() + RUN_MS_MAX;
    for (;;) {
      const { stdout } = await containerd.ctr(['tasks', 'list']);
      if (new RegExp(`^${name} .*STOPPED`, 'm').test(stdout)) break;
      if (Date.now() > giveUpAt) throw new Error(`${name} does not end:\n${stdout}`);
      await sleep(200);
    }
    const deleted = await containerd.tryCtr(['tasks', 'delete', name]);
    await containerd.ctr(['containers', 'delete', name]);
    const output = readFileSync(join(stop, name), 'utf8');
    return { exitCode: deleted.exitCode, stdout: output, stderr: deleted.stderr };
  };
  return {
    ended: async () => {
      writeFileSync(join(stop, 'now'), '');
      const ends: Awaited<ReturnType<typeof endOf>>[] = [];
      for (const name of names) ends.push(await endOf(name));
      return ends;
    },
  };
}

/** A directory for each container: files of its own, and a list of digests for each. */
function files(): TarSpec[] {
  const specs: TarSpec[] = [
    { name: 'files/', type: 'directory' },
    { name: 'stop/', type: 'directory' },
  ];
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
