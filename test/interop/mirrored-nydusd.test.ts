/** nydusd reads a converted image through the proxy, in its mirror mode and by the path. */
import { join } from 'node:path';
import { type ProxyEvent, RegistryProxy } from '@shoal/registry-proxy';
import {
  buildTortureLayout,
  requireMounts,
  requireNydus,
  requireTool,
  runChecked,
  startDockerRegistry,
  temporaryDirectory,
} from '@shoal/test-kit';
import t from 'tap';
import { takeApart } from '../support/converted-layout.ts';
import { differencesFrom, unpackReference } from '../support/reference-tree.ts';
import { runShoal } from '../support/shoal-command.ts';
import { mountWithNydusd } from './support/nydusd-mount.ts';

t.test('nydusd shows the image', async (t) => {
  const nydus = requireNydus(t);
  const tools = ['umoci', 'getfattr', 'skopeo', 'docker-registry'];
  if (nydus === undefined || !requireMounts(t) || !requireTool(t, ...tools)) return;
  const directory = temporaryDirectory(t);
  const source = buildTortureLayout(join(directory, 'source'));
  const reference = await unpackReference(source, join(directory, 'bundle'));
  const registry = await startDockerRegistry(t);
  const [converted, pushed] = [join(directory, 'converted'), `${registry.host}/shoal/app:lazy`];
  await runShoal(['convert', '--source', `oci:${source}`, '--target', `oci:${converted}`]);
  await runChecked('skopeo', [
    ...['--insecure-policy', 'copy', '-q', '--dest-tls-verify=false'],
    ...[`oci:${converted}:latest`, `docker://${pushed}`],
  ]);
  const files = takeApart(converted, join(directory, 'parts'));
  const events: ProxyEvent[] = [];
  const proxy = await RegistryProxy.listen({
    port: 0,
    onRequest: (event) => events.push(event),
    upstreams: [{ name: 'registry.test', address: `http://${registry.host}` }],
  });
  t.teardown(() => proxy.close());
  for (const [name, backend] of [
    ['mirror', { host: 'registry.test', repository: 'shoal/app', mirror: proxy.host }],
    ['path', { host: proxy.host, repository: 'registry.test/shoal/app' }],
  ] as const) {
    events.length = 0;
    const mounted = await mountWithNydusd(t, {
      program: nydus.daemon,
      bootstrap: files.bootstrap,
      backend: { type: 'registry', ...backend },
      directory: join(directory, name),
    });
    t.same(await differencesFrom(reference, mounted), [], name);
    const reads = events.filter(({ kind, status }) => kind === 'blobs' && status === 206);
    t.ok(reads.length > 0, `${reads.length} ranges of blobs`);
  }
});
