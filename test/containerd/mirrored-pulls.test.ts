/**
 * containerd 1.6 and 2.x pull through the proxy, told by the hosts.toml that `--print-config` writes:
 * public, private with a password, private with tokens, an image of several platforms.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatMirrorSnippet } from '@shoal/registry-proxy/snippets';
import { requireContainerdJudge, requireTool, temporaryDirectory } from '@shoal/test-kit';
import t, { type Test } from 'tap';
import {
  type ContainerdOptions,
  requireContainerd,
  startContainerd,
} from '../support/containerd.ts';
import { openMirrorWorld, PASSWORD, PLATFORMS, USER } from '../support/mirror-world.ts';

const REGISTRIES = ['public.test', 'basic.test', 'token.test'] as const;
const LINES = ['1.6', '2', '2 with parts of layers side by side'] as const;

for (const line of LINES) {
  t.test(`containerd ${line}`, async (t) => {
    if (!requireContainerd(t) || !requireTool(t, 'docker-registry', 'htpasswd', 'openssl')) return;
    const options = optionsOf(t, line);
    if (options === undefined) return;
    const { proxy, events, layers } = await openMirrorWorld(t, 'challenge');
    const containerd = await startContainerd(t, options);
    const hosts = writeHosts(t, proxy.host);
    for (const registry of REGISTRIES) {
      for (const architecture of PLATFORMS) {
        events.length = 0;
        const reference = `${registry}/app/multi:v1`;
        await containerd.ctr([
          ...['images', 'pull', '--hosts-dir', hosts, '--platform', `linux/${architecture}`],
          ...(registry === 'public.test' ? [] : ['--user', `${USER}:${PASSWORD}`]),
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
  if (line === '1.6') return {};
  const judge = requireContainerdJudge(t, '2');
  if (judge === undefined) return undefined;
  const parts = [
    '[plugins."io.containerd.transfer.v1.local"]',
    'max_concurrent_downloads = 4',
    'concurrent_layer_fetch_buffer = 2097152',
  ];
  const moreConfig = line === '2' ? '' : parts.join('\n');
  return { built: { line: '2', directory: judge.directory }, moreConfig };
}

/** One directory for each registry, as containerd wants it. */
function writeHosts(t: Test, host: string): string {
  const directory = temporaryDirectory(t);
  const { text } = formatMirrorSnippet('containerd', { host, upstreams: REGISTRIES });
  for (const [, name = '', file = ''] of text.matchAll(
    /^# \/etc\/containerd\/certs\.d\/(\S+)\/hosts\.toml\n((?:(?!# \/etc).*\n)*)/gm,
  )) {
    mkdirSync(join(directory, name));
    writeFileSync(join(directory, name, 'hosts.toml'), file);
  }
  return directory;
}
