/**
 * A private image as kubelet pulls it: through the image service with a pull secret, lazily, from a
 * registry with tokens that end soon; also after the daemon was killed.
 */
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { credentials, type ServiceError } from '@grpc/grpc-js';
import { convertImage } from '@shoal/converter';
import { parseReference } from '@shoal/oci';
import { StaticCredentials } from '@shoal/registry-client';
import {
  requireMounts,
  requireTool,
  runChecked,
  runCommand,
  startDockerRegistry,
  temporaryDirectory,
} from '@shoal/test-kit';
import t from 'tap';
import { ImageServiceClient } from '../../packages/node/src/cri/gen/image-service.ts';
import { until } from '../support/mounted-image.ts';
import { startSnapshotter } from '../support/own-snapshotter.ts';
import { buildBusyboxLayout, LARGE_BYTES, OUTPUT } from './support/busybox-image.ts';
import { containerName } from './support/containers.ts';
import { RELEASES, type Release, startRelease } from './support/releases.ts';

const users = { ann: 'secret' };
const ANN = { kind: 'password', username: 'ann', password: 'secret' } as const;

/** CRI with our snapshotter; nothing of it lies outside of the directory. */
function criConfig(release: Release, directory: string): string {
  const path = (name: string) => JSON.stringify(join(directory, name));
  const images = 'snapshotter = "shoal"\ndisable_snapshot_annotations = false';
  const cni = `bin_dir = ${path('cni')}\nconf_dir = ${path('cni-conf')}`;
  if (release === '1.6') {
    const cri = 'plugins."io.containerd.grpc.v1.cri"';
    return `[${cri}]\nstream_server_port = "0"\n[${cri}.containerd]\n${images}\n[${cri}.cni]\n${cni}`;
  }
  return [
    `[plugins."io.containerd.cri.v1.images"]\n${images}\nuse_local_image_pull = true`,
    '[plugins."io.containerd.grpc.v1.cri"]\nstream_server_port = "0"',
    `[plugins."io.containerd.cri.v1.runtime".cni]\n${cni}`,
  ].join('\n');
}

function pull(address: string, image: string, password?: string) {
  const client = new ImageServiceClient(`unix://${address}`, credentials.createInsecure());
  const auth = password === undefined ? undefined : { username: 'ann', password };
  const rest = { auth: '', serverAddress: '', identityToken: '', registryToken: '' };
  return new Promise<string>((resolve, reject) => {
    client.pullImage(
      { image: { image, annotations: new Map() }, auth: auth && { ...rest, ...auth } },
      (error: ServiceError | null, answer) =>
        error === null ? resolve(answer.imageRef) : reject(error),
    );
  }).finally(() => client.close());
}

for (const release of RELEASES) {
  t.test(`a pull secret, containerd ${release}`, async (t) => {
    if (!requireMounts(t) || !requireTool(t, 'docker-registry', 'openssl', 'busybox')) return;
    const directory = temporaryDirectory(t);
    const registry = await startDockerRegistry(t, {
      token: { users, noAnonymous: true, lifetimeSeconds: 20 },
    });
    const image = `${registry.host}/team/app:v1`;
    const layout = buildBusyboxLayout(join(directory, 'layout'));
    await convertImage({
      source: parseReference(`oci:${layout}`),
      target: parseReference(image),
      client: { credentialSources: [new StaticCredentials(new Map([[registry.host, ANN]]))] },
      chunkSizeBytes: 0x10000,
    });
    const [address, upstream] = [join(directory, 'images.sock'), join(directory, 'upstream.sock')];
    const config = [
      '[snapshotter]\nlookup_timeout_ms = 60000',
      `[image_service]\naddress = ${JSON.stringify(address)}\nupstream = ${JSON.stringify(upstream)}`,
    ].join('\n');
    // in memory, as in production: sealed credentials outlive the daemon, not the host
    const node = join(directory, 'node');
    mkdirSync(join(node, 'run'), { recursive: true, mode: 0o700 });
    await runChecked('mount', ['-t', 'tmpfs', '-o', 'mode=0700', 'tmpfs', join(node, 'run')]);
    t.teardown(() => runCommand('umount', ['-l', join(node, 'run')]));
    const snapshotter = await startSnapshotter(t, { config, directory: node });
    const containerd = await startRelease(t, release, snapshotter, {
      disabledPlugins: ['io.containerd.internal.v1.opt', 'io.containerd.nri.v1.nri'],
      moreConfig: criConfig(release, directory),
    });
    if (containerd === undefined) return;
    symlinkSync(containerd.address, upstream);

    await t.rejects(pull(address, image), 'without a secret');
    await t.rejects(pull(address, image, 'wrong'), 'with a wrong one');
    t.match(await pull(address, image, 'secret'), /^sha256:/);
    const runImage = (...args: readonly string[]) => {
      const run = ['run', '--rm', '--snapshotter', 'shoal', image, containerName()];
      return containerd.tryCtr(['--namespace', 'k8s.io', ...run, ...args]);
    };
    t.equal((await runImage()).stdout, OUTPUT, 'a container reads what it needs');
    await snapshotter.stop('SIGKILL');
    await snapshotter.start();
    let result = await runImage('cat', '/unread', '/data/added');
    await until('containerd has connected again', async () => {
      // it remembers for a while that nobody answered
      if (!result.stderr.includes('connection refused')) return true;
      result = await runImage('cat', '/unread', '/data/added');
      return false;
    });
    t.ok(
      result.stdout.endsWith('added\n') && result.stdout.length > LARGE_BYTES / 3,
      'the rest comes with the same secret after the daemon was killed',
    );
    const log = snapshotter.log();
    t.notMatch(log, /"secret"|ann:/);
  });
}
