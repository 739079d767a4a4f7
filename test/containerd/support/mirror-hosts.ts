/** containerd's `hosts.toml` of every registry, as `--print-config containerd` writes them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatMirrorSnippet } from '@shoal/registry-proxy/snippets';
import { requireContainerdJudge, type TestScope, temporaryDirectory } from '@shoal/test-kit';
import type { ContainerdOptions } from '../../support/containerd.ts';
import { REGISTRY_NAMES } from '../../support/mirror-registries.ts';

/** One directory for each registry, as containerd wants it, in a directory that is given. */
export function writeMirrorHosts(t: TestScope, host: string): string {
  const directory = temporaryDirectory(t);
  const { text } = formatMirrorSnippet('containerd', { host, upstreams: REGISTRY_NAMES });
  for (const [, name = '', file = ''] of text.matchAll(
    /^# \/etc\/containerd\/certs\.d\/(\S+)\/hosts\.toml\n((?:(?!# \/etc).*\n)*)/gm,
  )) {
    mkdirSync(join(directory, name));
    writeFileSync(join(directory, name, 'hosts.toml'), file);
  }
  return directory;
}

/** Debian's 1.6, or the 2.x of the judges; undefined where that is not built. */
export function containerdOf(
  t: TestScope,
  line: '1.6' | '2',
  moreConfig = '',
): ContainerdOptions | undefined {
  if (line === '1.6') return {};
  const judge = requireContainerdJudge(t, '2');
  if (judge === undefined) return undefined;
  return { built: { line: '2', directory: judge.directory }, moreConfig };
}
