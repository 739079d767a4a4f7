/** `registries.conf` of CRI-O, podman and skopeo: the upstream is named by the path. */
import type { SnippetOptions } from './snippet.ts';

export function formatCrioSnippet({ host, upstreams }: SnippetOptions): string {
  const lines = [
    '# CRI-O, podman, skopeo: /etc/containers/registries.conf.d/50-shoal.conf',
    '# CRI-O reads it again after: systemctl reload crio',
  ];
  for (const upstream of upstreams) {
    lines.push(
      '',
      '[[registry]]',
      `prefix = "${upstream}"`,
      `location = "${upstream}"`,
      '',
      '[[registry.mirror]]',
      `location = "${host}/${upstream}"`,
      '# The proxy speaks HTTP; what it gives is verified by its digest all the same.',
      'insecure = true',
    );
  }
  return `${lines.join('\n')}\n`;
}
