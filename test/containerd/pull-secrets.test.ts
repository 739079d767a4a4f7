/**
 * A private image as kubelet pulls it: through the image service with a pull secret, lazily, from a
 * registry with tokens that end soon; also after the daemon was killed.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { credentials, type ServiceError } from '@grpc/grpc-js';
import { convertImage } from '@shoal/converter';
import { ControlClient } from '@shoal/node';
import { parseReference } from '@shoal/oci';
import { StaticCredentials } from '@shoal/registry-client';
import {
  buildLayout,
  findTool,
  requireMounts,
  requireTool,
  runChecked,
  runCommand,
  startDockerRegistry,
  temporaryDirectory,
  until,
  writeTar,
} from '@shoal/test-kit';
import t from 'tap';
import { ImageServiceClient } from '../../packages/node/src/cri/gen/image-service.ts';
import { startSnapshotter } from '../support/own-snapshotter.ts';
import { buildBusyboxLayout, largeContent, OUTPUT } from './support/busybox-image.ts';
import { CriPod } from './support/cri-pod.ts';
import { RELEASES, type Release, startRelease } from './support/releases.ts';

const users = { ann: 'secret' };
const ANN = { kind: 'password', username: 'ann', password: 'secret' } as const;

/** CRI with our snapshotter; nothing of it lies outside of the directory. */
function criConfig(release: Release, directory: string, pause: string): string {
  const path = (name: string) => JSON.stringify(join(directory, name));
  const images = 'snapshotter = "shoal"\ndisable_snapshot_annotations = false';
  // not every host lets root lower it
  const humble = 'restrict_oom_score_adj = true';
  const cni = `bin_dir = ${path('cni')}\nconf_dir = ${path('cni-conf')}`;
  if (release !== '2') {
    const cri = 'plugins."io.containerd.grpc.v1.cri"';
    return [
      `[${cri}]\nstream_server_port = "0"\n${humble}\nsandbox_image = ${JSON.stringify(pause)}`,
      `[${cri}.containerd]\n${images}\n[${cri}.cni]\n${cni}`,
    ].join('\n');
  }
  return [
    `[plugins."io.containerd.cri.v1.images"]\n${images}\nuse_local_image_pull = true`,
    `[plugins."io.containerd.cri.v1.images".pinned_images]\nsandbox = ${JSON.stringify(pause)}`,
    '[plugins."io.containerd.grpc.v1.cri"]\nstream_server_port = "0"',
    `[plugins."io.containerd.cri.v1.runtime"]\n${humble}`,
    `[plugins."io.containerd.cri.v1.runtime".cni]\n${cni}`,
  ].join('\n');
}

/** What keeps the namespaces of a pod: an ordinary image. */
async function pushPause(directory: string, reference: string): Promise<void> {
  const content = readFileSync(findTool('busybox') ?? 'busybox');
  const tar = writeTar([{ name: 'sleep', mode: 0o755, content }]);
  buildLayout({ directory, layers: [{ tar }], config: { Cmd: ['/sleep', '100000'] } });
  await runChecked('skopeo', [
    ...['copy', '--quiet', '--dest-tls-verify=false', '--dest-creds', 'ann:secret'],
    ...[`oci:${directory}:latest`, `docker://${reference}`],
  ]);
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
    if (!requireMounts(t) || !requireTool(t, 'docker-registry', 'openssl', 'skopeo', 'busybox'))
      return;
    const directory = temporaryDirectory(t);
    const registry = await startDockerRegistry(t, {
      token: { users, noAnonymous: true, lifetimeSeconds: 20 },
    });
    const image = `${registry.host}/team/app:v1`;
    const pause = `${registry.host}/team/pause:v1`;
    await pushPause(join(directory, 'pause'), pause);
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
      moreConfig: criConfig(release, directory, pause),
    });
    if (containerd === undefined) return;
    symlinkSync(containerd.address, upstream);
    await until('the image service is there', () => existsSync(address));

    await t.rejects(pull(address, image), 'without a secret');
    await t.rejects(pull(address, image, 'wrong'), 'with a wrong one');
    t.match(await pull(address, image, 'secret'), /^sha256:/);
    await pull(address, pause, 'secret');
    const { images } = await new ControlClient(join(snapshotter.run, 'shoal.sock')).status();
    t.match(images, { lazy: [{ imageRef: image }], ordinary: [{ imageRef: pause }] }, 'both kinds');
    const pod = new CriPod(containerd.address, directory);
    t.teardown(() => pod.close());
    await pod.start();
    const first = await pod.run(image, 'first');
    await until('it has ended', () => pod.hasEnded(first));
    t.match(pod.output('first'), OUTPUT, 'a container reads what it needs');
    await snapshotter.stop('SIGKILL');
    await snapshotter.start();
    let second: string | undefined;
    await until('containerd has connected again', async () => {
      // it remembers for a while that nobody answered
      second = await pod.run(image, 'second', ['sha256sum', '/unread']).catch((error: unknown) => {
        if (!/connection error|unavailable/i.test(String(error))) throw error;
        return undefined;
      });
      return second !== undefined;
    });
    await until('it has ended', () => pod.hasEnded(second ?? ''));
    const digest = createHash('sha256').update(largeContent()).digest('hex');
    const why = 'the rest comes with the same secret after the daemon was killed';
    t.match(pod.output('second'), digest, why);
    const log = snapshotter.log();
    t.notMatch(log, /"secret"|ann:/);
  });
}
