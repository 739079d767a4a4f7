/**
 * Where an image comes from whose client sends no labels: read from what containerd's content store
 * says of its manifests, over a socket.
 */
import { join } from 'node:path';
import { Server, ServerCredentials, type ServerWritableStream } from '@grpc/grpc-js';
import { temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { containerdContent } from '../src/grpc/containerd-content.ts';
import {
  ContentService,
  type ListContentRequest,
  type ListContentResponse,
} from '../src/grpc/gen/content.ts';
import { addressIn, type ContentInfo, MANIFEST_FILTER } from '../src/images/content-store.ts';

const digest = (pair: string) => `sha256:${pair.repeat(32)}`;
const blob = (pair: string) => pair.repeat(32);
const MANIFEST: ContentInfo = {
  digest: digest('aa'),
  labels: {
    'containerd.io/gc.ref.content.config': digest('cc'),
    'containerd.io/gc.ref.content.l.0': digest('b0'),
    'containerd.io/gc.ref.content.l.1': digest('b1'),
    'containerd.io/distribution.source.r.example:5000': 'team/app,team/copy',
  },
};

async function* all(...infos: ContentInfo[]): AsyncGenerator<ContentInfo> {
  yield* infos;
}

t.test('the manifest that names a blob tells registry and name', async (t) => {
  const other: ContentInfo = {
    ...MANIFEST,
    labels: { ...MANIFEST.labels, 'containerd.io/gc.ref.content.l.1': digest('ff') },
  };
  t.match(await addressIn(all(other, MANIFEST), [blob('b1')]), {
    reference: { registry: 'r.example:5000', repository: 'team/app' },
    manifestDigest: digest('aa'),
  });
  t.equal(await addressIn(all(other), [blob('b1')]), undefined);
  t.equal(await addressIn(all(MANIFEST), []), undefined);
});

t.test('manifests without a usable source are passed over', async (t) => {
  const without = Object.fromEntries(
    Object.entries(MANIFEST.labels).filter(([key]) => !key.includes('distribution')),
  );
  const bad = { ...without, 'containerd.io/distribution.source.bad host': '../..' };
  t.equal(await addressIn(all({ ...MANIFEST, labels: without }), [blob('b0')]), undefined);
  t.equal(await addressIn(all({ ...MANIFEST, labels: bad }), [blob('b0')]), undefined);
  t.equal(await addressIn(all({ ...MANIFEST, digest: 'x' }), [blob('b0')]), undefined);
});

t.test('asked over the socket, in the namespace of the pull', async (t) => {
  const address = join(temporaryDirectory(t), 'containerd.sock');
  const asked: { namespace: unknown; filters: ListContentRequest['filters'] }[] = [];
  const server = new Server();
  server.addService(ContentService, {
    list: (call: ServerWritableStream<ListContentRequest, ListContentResponse>) => {
      const [namespace] = call.metadata.get('containerd-namespace');
      asked.push({ namespace, filters: call.request.filters });
      const { digest: of, labels } = MANIFEST;
      call.write({ info: [{ digest: of, labels: new Map(Object.entries(labels)) }] });
      call.end();
    },
  });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix://${address}`, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    );
  });
  t.teardown(() => server.forceShutdown());
  const { signal } = new AbortController();
  const found = await containerdContent(address).findImage('k8s.io', [blob('b0')], signal);
  t.match(found, { manifestDigest: digest('aa') });
  const isB1 = (text: string) => text === digest('b1');
  t.equal(await containerdContent(address).findLayer('k8s.io', isB1, signal), digest('b1'));
  const none = await containerdContent(address).findLayer('k8s.io', () => false, signal);
  t.equal(none, undefined);
  asked.splice(1);
  t.same(asked, [{ namespace: 'k8s.io', filters: [MANIFEST_FILTER] }]);
});

t.test('a containerd that hangs is waited for as long as the signal says', async (t) => {
  const address = join(temporaryDirectory(t), 'containerd.sock');
  const server = new Server();
  const asked = Promise.withResolvers<void>();
  const left = Promise.withResolvers<void>();
  server.addService(ContentService, {
    list: (call: ServerWritableStream<ListContentRequest, ListContentResponse>) => {
      call.once('cancelled', () => left.resolve());
      asked.resolve();
    },
  });
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix://${address}`, ServerCredentials.createInsecure(), (error) =>
      error === null ? resolve() : reject(error),
    );
  });
  t.teardown(() => server.forceShutdown());
  const deadline = new AbortController();
  const found = containerdContent(address).findImage('k8s.io', [blob('b0')], deadline.signal);
  await asked.promise;
  deadline.abort(new Error('the time is over'));
  await t.rejects(found, { message: 'the time is over' });
  await left.promise;
  const late = containerdContent(address).findImage('k8s.io', [blob('b0')], deadline.signal);
  await t.rejects(late, { message: 'the time is over' });
});

t.test('no containerd there is an error, and soon', async (t) => {
  const content = containerdContent(join(temporaryDirectory(t), 'nothing.sock'));
  await t.rejects(content.findImage('k8s.io', [blob('b0')], new AbortController().signal));
});
