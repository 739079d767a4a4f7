/**
 * The image service between a client of CRI and a real containerd: every call comes through, and the
 * credentials of a pull are there for our own fetches at once.
 */
import { join } from 'node:path';
import { credentials, type ServiceError, status } from '@grpc/grpc-js';
import { parseReference } from '@shoal/oci';
import { openSource } from '@shoal/registry-client';
import {
  buildLayout,
  plainLayers,
  requireTool,
  runChecked,
  startDockerRegistry,
  type TestScope,
  temporaryDirectory,
  until,
} from '@shoal/test-kit';
import pino from 'pino';
import t from 'tap';
import { ImageServiceClient } from '../../packages/node/src/cri/gen/image-service.ts';
import { ImageServiceProxy } from '../../packages/node/src/cri/image-service-proxy.ts';
import {
  type CredentialKeeper,
  RememberedCredentials,
} from '../../packages/node/src/cri/remembered-credentials.ts';
import { requireContainerd, startContainerd } from '../support/containerd.ts';

const users = { ann: 'secret' };
const forgetful: CredentialKeeper = {
  load: async () => [],
  changed: () => undefined,
  close: async () => undefined,
};

/** A containerd whose CRI answers for images; nothing of it lies outside of its directory. */
function startCri(t: TestScope) {
  const directory = temporaryDirectory(t);
  const path = (name: string) => JSON.stringify(join(directory, name));
  return startContainerd(t, {
    disabledPlugins: ['io.containerd.internal.v1.opt', 'io.containerd.nri.v1.nri'],
    moreConfig: [
      '[plugins."io.containerd.grpc.v1.cri"]',
      'stream_server_port = "0"',
      '[plugins."io.containerd.grpc.v1.cri".cni]',
      `bin_dir = ${path('cni')}`,
      `conf_dir = ${path('cni-conf')}`,
    ].join('\n'),
  });
}

/** Calls like kubelet. */
function criClient(t: TestScope, address: string) {
  const client = new ImageServiceClient(`unix://${address}`, credentials.createInsecure(), {
    'grpc.default_authority': 'localhost',
  });
  t.teardown(() => client.close());
  type Reply<Value> = (error: ServiceError | null, value: Value) => void;
  const call = <Value>(start: (reply: Reply<Value>) => void) =>
    new Promise<Value>((resolve, reject) => {
      start((error, value) => (error === null ? resolve(value) : reject(error)));
    });
  const spec = (image: string) => ({ image, annotations: new Map<string, string>() });
  const none = { auth: '', serverAddress: '', identityToken: '', registryToken: '' };
  return {
    list: () =>
      call<{ images: { repoTags: string[] }[] }>((reply) =>
        client.listImages({ filter: undefined }, reply),
      ),
    status: (image: string) =>
      call<{ image?: { id: string } | undefined }>((reply) =>
        client.imageStatus({ image: spec(image), verbose: false }, reply),
      ),
    pull: (image: string, auth?: { username: string; password: string }) =>
      call<{ imageRef: string }>((reply) =>
        client.pullImage({ image: spec(image), auth: auth && { ...none, ...auth } }, reply),
      ),
    remove: (image: string) => call((reply) => client.removeImage({ image: spec(image) }, reply)),
    fsInfo: () =>
      call<{ imageFilesystems: { fsId?: { mountpoint: string } | undefined }[] }>((reply) =>
        client.imageFsInfo({}, reply),
      ),
    unknown: () =>
      call((reply) =>
        client.makeUnaryRequest(
          '/runtime.v1.RuntimeService/Version',
          (value: Buffer) => value,
          (value) => value,
          Buffer.alloc(0),
          reply as (error: ServiceError | null, value?: Buffer) => void,
        ),
      ),
  };
}

if (requireContainerd(t) && requireTool(t, 'docker-registry', 'openssl', 'skopeo')) {
  t.test('pulls, lists and removes as kubelet does, with credentials of a pull', async (t) => {
    const directory = temporaryDirectory(t);
    const registry = await startDockerRegistry(t, { token: { users, noAnonymous: true } });
    const image = `${registry.host}/team/app:v1`;
    const layers = plainLayers().map((tar) => ({ tar }));
    buildLayout({ directory: join(directory, 'layout'), layers });
    const creds = ['--dest-tls-verify=false', '--dest-creds', 'ann:secret'];
    await runChecked('skopeo', [
      'copy',
      ...creds,
      `oci:${directory}/layout:latest`,
      `docker://${image}`,
    ]);
    const containerd = await startCri(t);
    const remembered = await RememberedCredentials.open(forgetful, 60_000);
    const address = join(directory, 'image-service.sock');
    const proxy = await ImageServiceProxy.listen({
      address,
      upstream: containerd.address,
      remembered,
      log: pino({ level: 'silent' }),
    });
    t.teardown(() => proxy.close());
    const kubelet = criClient(t, address);

    t.same((await kubelet.list()).images, []);
    t.equal((await kubelet.status(image)).image, undefined);
    await t.rejects(kubelet.pull(image), 'no credentials: containerd is refused, and says so');
    t.equal(remembered.size, 0);
    await t.rejects(kubelet.pull(image, { username: 'ann', password: 'wrong' }));
    t.equal(remembered.size, 0, 'those of a pull that failed are forgotten');
    const { imageRef } = await kubelet.pull(image, { username: 'ann', password: 'secret' });
    t.match(imageRef, /^sha256:/);
    t.match((await kubelet.status(image)).image, { id: imageRef });
    t.match((await kubelet.list()).images, [{ repoTags: [image] }]);
    t.match(await kubelet.fsInfo(), {
      imageFilesystems: [{ fsId: { mountpoint: containerd.directory } }],
    });
    t.match(String(await kubelet.unknown()), /containerd/, 'calls of other services come through');

    await using source = await openSource(parseReference(image), {
      credentialSources: [remembered],
    });
    t.ok(await source.resolve(), 'our own fetches have the credentials of the pull');
    await using other = await openSource(parseReference(`${registry.host}/other/app:v1`), {
      credentialSources: [remembered],
    });
    await t.rejects(other.resolve(), { code: 'ERR_REGISTRY_CLIENT_UNAUTHORIZED' });

    await containerd.stop();
    await t.rejects(kubelet.list(), { code: status.UNAVAILABLE, message: containerd.address });
    await containerd.start();
    // CRI itself starts a moment after the rest of containerd.
    await until('a containerd that came back is found again', async () => {
      const listed = await kubelet.list().catch(() => undefined);
      return listed?.images.length === 1;
    });
    await kubelet.remove(image);
    t.same((await kubelet.list()).images, []);
  });
}
