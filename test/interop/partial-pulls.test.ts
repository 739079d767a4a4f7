/**
 * podman pulls layers in zstd:chunked in part, through the proxy: it asks for the chunks that no other
 * image has given it. Several ranges in one request are answered with the whole blob, of which podman
 * reads as far as it wants something; one range is answered alone.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RegistryProxy } from '@shoal/registry-proxy';
import {
  buildLayout,
  type CommandResult,
  FaultProxy,
  noise,
  requireMounts,
  requireTool,
  runChecked,
  runCommand,
  startDockerRegistry,
  temporaryDirectory,
  writeTar,
} from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { mountsBelow } from '../support/own-daemon.ts';

t.setTimeout(300_000);

type Podman = (...args: string[]) => Promise<CommandResult>;

const FILES = Array.from({ length: 20 }, (_, index) => `file-${index}`);
const FILE_BYTES = 300_000;
/** Files that each image has for itself, and that no image before it had; not beside each other. */
const CHANGED = { first: [], second: ['file-3', 'file-9'], third: ['file-12'] } as const;
type Image = keyof typeof CHANGED;

t.test('podman asks for parts of layers', async (t) => {
  if (!requireMounts(t) || !requireTool(t, 'podman', 'docker-registry')) return;
  const registry = await startDockerRegistry(t);
  for (const image of ['first', 'second', 'third'] as const) {
    await pushChunked(t, image, `${registry.host}/app/parts:${image}`);
  }
  await using proxy = await RegistryProxy.listen({
    port: 0,
    upstreams: [{ name: 'registry.test', address: `http://${registry.host}` }],
  });
  // Sees what podman asks the proxy for.
  const wire = await FaultProxy.listen(t, proxy.host);
  const podman = podmanOf(t, 'overlay');
  const pull = async (image: Image) => {
    wire.seen.length = 0;
    wire.bodyBytes = 0;
    const reference = `${wire.host}/registry.test/app/parts:${image}`;
    await podman('pull', '-q', '--tls-verify=false', reference);
    const mounted = (await podman('image', 'mount', reference)).stdout.trim();
    const wrong = FILES.filter(
      (name) => !readFileSync(join(mounted, name)).equals(contentOf(image, name)),
    );
    t.same(wrong, [], `${image}: every file is right`);
    await podman('image', 'unmount', reference);
    const ranges = wire.seen.map(({ range }) => range).filter((range) => range !== undefined);
    return { ranges, bytes: wire.bodyBytes };
  };
  const imageBytes = FILES.length * FILE_BYTES;
  const first = await pull('first');
  t.ok(first.ranges.some(isSeveral), 'several ranges in one request');
  t.ok(first.bytes > imageBytes);
  const second = await pull('second');
  t.ok(second.ranges.some(isSeveral), 'two files that are not beside each other');
  // It hangs up behind the last byte that it wants.
  t.ok(second.bytes > 9 * FILE_BYTES, 'what lies before and between them has come, too');
  const third = await pull('third');
  t.ok(third.ranges.length > 0 && !third.ranges.some(isSeveral), 'one file that is new');
  t.ok(third.bytes < imageBytes / 4, 'nothing else has come');
});

function isSeveral(range: string): boolean {
  return range.includes(',');
}

/** An image of one layer, compressed by podman itself. */
async function pushChunked(t: Test, image: Image, target: string): Promise<void> {
  const podman = podmanOf(t, 'vfs');
  const entries = FILES.map((name) => ({ name, content: contentOf(image, name) }));
  const layout = buildLayout({
    directory: join(temporaryDirectory(t), 'layout'),
    layers: [{ tar: writeTar(entries), compression: 'gzip' }],
  });
  const archive = join(temporaryDirectory(t), 'archive.tar');
  await runChecked('tar', ['-C', layout, '-cf', archive, '.']);
  const id = (await podman('pull', '-q', `oci-archive:${archive}`)).stdout.trim();
  const format = ['--format', 'oci', '--compression-format', 'zstd:chunked'];
  await podman('push', '-q', '--tls-verify=false', ...format, id, `docker://${target}`);
}

function contentOf(image: Image, name: string): Buffer {
  const changed: readonly string[] = CHANGED[image];
  return noise(FILE_BYTES, changed.includes(name) ? `${image} ${name}` : name);
}

/** With storage of its own, which takes parts of layers where its driver can. */
function podmanOf(t: Test, driver: 'vfs' | 'overlay'): Podman {
  const directory = temporaryDirectory(t);
  const config = join(directory, 'storage.conf');
  const policy = join(directory, 'policy.json');
  mkdirSync(join(directory, 'root'));
  const storage = [
    '[storage]',
    `driver = "${driver}"`,
    `graphroot = "${join(directory, 'root')}"`,
    `runroot = "${join(directory, 'run')}"`,
    '[storage.options]',
    'pull_options = { enable_partial_images = "true", use_hard_links = "false", ostree_repos = "" }',
  ];
  writeFileSync(config, `${storage.join('\n')}\n`);
  writeFileSync(policy, JSON.stringify({ default: [{ type: 'insecureAcceptAnything' }] }));
  t.teardown(async () => {
    for (const mountpoint of mountsBelow(directory)) await runCommand('umount', ['-l', mountpoint]);
  });
  const env = { ...process.env, CONTAINERS_STORAGE_CONF: config };
  return (verb = '', ...args) => {
    const more = verb === 'pull' ? ['--signature-policy', policy] : [];
    const own = ['--cgroup-manager', 'cgroupfs', '--events-backend', 'none'];
    return runChecked('podman', [...own, verb, ...more, ...args], { env });
  };
}
