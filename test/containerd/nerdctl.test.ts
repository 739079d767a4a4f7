/**
 * nerdctl with `shoal snapshotter` below containerd 1.7 and 2.x: pull, run, remove. It tells of images
 * only to snapshotters whose names it knows, `nydus` among them; below another one the daemon has to
 * ask containerd.
 */
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ControlClient, daemonPaths } from '@shoal/node';
import {
  type CommandResult,
  requireNerdctl,
  runCommand,
  temporaryDirectory,
  until,
} from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { LARGE_BYTES, OUTPUT } from './support/busybox-image.ts';
import { containerName, nothingIsLeft } from './support/containers.ts';
import { startNode } from './support/node.ts';
import type { Release } from './support/releases.ts';

type Nerdctl = (...args: readonly string[]) => Promise<CommandResult>;

/**
 * The registry's name. containerd notes from which one content is, but not the port, so that for the
 * daemon to find it by that the name must have none: hosts.toml says where it is.
 */
const REGISTRY = 'registry.test';

/** `asks`: the daemon asks containerd what nerdctl does not tell. */
const CASES = [
  { release: '1.7', proxyName: 'nydus', asks: false },
  { release: '2', proxyName: 'nydus', asks: false },
  { release: '2', proxyName: 'shoal', asks: true },
] as const;

for (const { release, proxyName, asks } of CASES) {
  t.test(`containerd ${release}, a proxy called ${proxyName}`, async (t) => {
    const world = await startWorld(t, release, proxyName, asks);
    if (world === undefined) return;
    const { containerd, converted, nerdctl, ordinary, registry, snapshotter } = world;
    const before = registry.blobBytesSent();
    await succeeds(nerdctl, 'pull', converted);
    const sent = registry.blobBytesSent() - before;
    t.ok(sent < LARGE_BYTES / 50, `the pull moved ${sent} bytes`);
    await runs(t, nerdctl, converted);
    t.ok(registry.blobBytesSent() - before < LARGE_BYTES / 2, 'containers read what they need');
    await succeeds(nerdctl, 'pull', ordinary);
    await runs(t, nerdctl, ordinary);
    const { root, run } = snapshotter;
    const { images } = await new ControlClient(daemonPaths({ root, run }).socket).status();
    t.match(
      images.lazy,
      [{ converted: /^registry\.test\/test\/converted@sha256:/ }],
      'as status says',
    );
    await succeeds(nerdctl, 'rmi', converted, ordinary);
    await nothingIsLeft(t, containerd, snapshotter, proxyName);
  });
}

t.test('a proxy of another name, and nobody to ask', async (t) => {
  const world = await startWorld(t, '2', 'shoal', false);
  if (world === undefined) return;
  const refused = await world.nerdctl('pull', world.converted);
  t.not(refused.exitCode, 0, 'a converted image is refused');
  t.match(refused.stderr, /client does not say.*containerd_address/, 'with what to do about it');
  await nothingIsLeft(t, world.containerd, world.snapshotter);
});

/** A node that calls its registry by its name, and nerdctl, with nothing of it elsewhere. */
async function startWorld(t: Test, release: Release, proxyName: string, asks: boolean) {
  const program = requireNerdctl(t);
  if (program === undefined) return undefined;
  const directory = temporaryDirectory(t);
  const path = (name: string) => join(directory, name);
  const ask = asks ? `containerd_address = "${path('containerd.sock')}"\n` : '';
  const daemonConfig = `${ask}[registry]\nconfig_path = "${path('hosts')}"\n`;
  const node = await startNode(t, release, { proxyName, daemonConfig });
  if (node === undefined) return undefined;
  const { address, env } = node.containerd;
  symlinkSync(address, path('containerd.sock'));
  mkdirSync(path(`hosts/${REGISTRY}`), { recursive: true });
  const hosts = `[host."http://${node.registry.host}"]\ncapabilities = ["pull", "resolve"]\n`;
  writeFileSync(path(`hosts/${REGISTRY}/hosts.toml`), hosts);
  const options = [
    ...['--address', address, '--snapshotter', proxyName, '--hosts-dir', path('hosts')],
    ...['--data-root', path('data'), '--cni-path', path('cni'), '--cni-netconfpath', path('net')],
  ];
  const files = { NERDCTL_TOML: path('nerdctl.toml'), DOCKER_CONFIG: path('docker') };
  const nerdctl: Nerdctl = (...args) =>
    runCommand(program, [...options, ...args], { env: { ...env, ...files } });
  const named = (image: string) => image.replace(node.registry.host, REGISTRY);
  return {
    ...node,
    nerdctl,
    converted: named(node.converted),
    ordinary: named(node.ordinary),
  };
}

async function succeeds(nerdctl: Nerdctl, ...args: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await nerdctl(...args);
  if (exitCode === 0) return stdout;
  throw new Error(`nerdctl ${args.join(' ')} ended with ${exitCode}: ${stderr}`);
}

/** One in the foreground and one in the background, whose output is not lost when it is short. */
async function runs(t: Test, nerdctl: Nerdctl, image: string): Promise<void> {
  const script =
    'echo new > new; test "$(cat new changed)" = "$(echo new; echo changed)" && exit 7';
  const inFront = await nerdctl(
    ...['run', '--rm', '--network', 'host', image],
    ...['sh', '-c', script],
  );
  t.equal(inFront.exitCode, 7, `${image}: a container reads and writes`);
  const name = containerName();
  await succeeds(nerdctl, 'run', '--detach', '--network', 'none', '--name', name, image);
  t.equal(await succeeds(nerdctl, 'wait', name), '0\n', 'another one ends');
  await until('its log is there', async () => (await succeeds(nerdctl, 'logs', name)) === OUTPUT);
  await succeeds(nerdctl, 'rm', name);
}
