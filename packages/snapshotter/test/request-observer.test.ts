/** Every request of the socket is timed with its status, and log lines within it have its id. */
import { join } from 'node:path';
import { temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { ContainerdEndpoint } from '../src/grpc/containerd-endpoint.ts';
import type { FinishedRequest } from '../src/grpc/request-observer.ts';
import { currentRequest } from '../src/request-context.ts';
import { silentLog } from '../src/service-log.ts';
import { noLazyImages } from './support/no-lazy-images.ts';
import { TestClient } from './support/snapshots-client.ts';

t.test('requests are observed', async (t) => {
  const directory = temporaryDirectory(t);
  const address = join(directory, 's.sock');
  const seen: FinishedRequest[] = [];
  const ids: (string | undefined)[] = [];
  const lazy: typeof noLazyImages = {
    ...noLazyImages,
    decide: async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      ids.push(currentRequest()?.requestId);
      return { kind: 'unpack' };
    },
  };
  const onRequest = (request: FinishedRequest) => void seen.push(request);
  const root = join(directory, 'root');
  await using _ = await ContainerdEndpoint.open({ root, address, lazy, log: silentLog, onRequest });
  const client = new TestClient(address);
  t.teardown(() => client.close());
  await client.prepare({ key: 'extract-1' });
  await client.prepare({ key: 'extract-2' });
  await t.rejects(client.stat('nobody'));
  await client.list();
  t.same(
    seen.map(({ operation, code }) => `${operation} ${code}`),
    ['Prepare OK', 'Prepare OK', 'Stat NOT_FOUND', 'List OK'],
  );
  t.ok(seen.every(({ seconds }) => seconds >= 0 && seconds < 600));
  t.match(ids[0], /^grpc-\d+$/);
  t.not(ids[0], ids[1]);
  t.equal(currentRequest(), undefined);
  client.close();
});
