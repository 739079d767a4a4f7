/**
 * containerd 1.6 and 2.x pull through the proxy, told by the hosts.toml that `--print-config` writes:
 * public, private with a password, private with tokens, an image of several platforms.
 */
import { requireTool } from '@shoal/test-kit';
import t, { type Test } from 'tap';
import {
  type ContainerdOptions,
  requireContainerd,
  startContainerd,
} from '../support/containerd.ts';
import { PLATFORMS } from '../support/mirror-registries.ts';
import { openMirrorWorld } from '../support/mirror-world.ts';
import { CREDENTIALS, USER } from '../support/registry-user.ts';
import { containerdOf, writeMirrorHosts } from './support/mirror-hosts.ts';

const LINES = ['1.6', '2', '2 with parts of layers side by side'] as const;

for (const line of LINES) {
  t.test(`containerd ${line}`, async (t) => {
    if (!requireContainerd(t) || !requireTool(t, 'docker-registry', 'htpasswd', 'openssl')) return;
    const options = optionsOf(t, line);
    if (options === undefined) return;
    const { proxy, events, registries } = await openMirrorWorld(t, 'challenge');
    const containerd = await startContainerd(t, options);
    const hosts = writeMirrorHosts(t, proxy.host);
    for (const { name: registry, layers } of registries) {
      for (const architecture of PLATFORMS) {
        events.length = 0;
        const reference = `${registry}/app/multi:v1`;
        await containerd.ctr([
          ...['images', 'pull', '--hosts-dir', hosts, '--platform', `linux/${architecture}`],
          ...(registry === 'public.test' ? [] : ['--user', CREDENTIALS]),
          reference,
        ]);
        const wanted = (layers.get(architecture) ?? []).map(({ digest }) => digest);
        const { stdout } = await containerd.ctr(['content', 'ls', '-q']);
        t.ok(
          wanted.every((digest) => stdout.includes(digest)),
          `${reference} for ${architecture}`,
        );
        t.ok(
          events.every(({ upstream }) => upstream === registry),
          'of one upstream only',
        );
        const blobs = events.filter(({ kind, status }) => kind === 'blobs' && status < 300);
        t.ok(blobs.length > 0, 'through the proxy');
        const parts = blobs.filter(({ reference }) => reference === wanted[0]);
        if (line.includes('side by side'))
          t.ok(parts.length > 1, `${parts.length} parts of a layer`);
        await containerd.ctr(['images', 'rm', '--sync', reference]);
      }
    }
    const refused = await containerd.tryCtr([
      ...['images', 'pull', '--hosts-dir', hosts, '--user', `${USER}:wrong`],
      'basic.test/app/multi:v1',
    ]);
    t.not(refused.exitCode, 0, 'nobody else gets what it has seen');
  });
}

function optionsOf(t: Test, line: (typeof LINES)[number]): ContainerdOptions | undefined {
  const parts = [
    '[plugins."io.containerd.transfer.v1.local"]',
    'max_concurrent_downloads = 4',
    'concurrent_layer_fetch_buffer = 2097152',
  ];
  if (line === '1.6') return containerdOf(t, line);
  return containerdOf(t, '2', line === '2' ? '' : parts.join('\n'));
}
