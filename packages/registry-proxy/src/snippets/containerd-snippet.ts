/** `hosts.toml` of containerd, one for each registry. It is read for every pull: nothing is restarted. */
import type { SnippetOptions } from './snippet.ts';

/** Where references to a registry lead when no mirror has what they name. */
function serverOf(upstream: string): string {
  return upstream === 'docker.io' ? 'https://registry-1.docker.io' : `https://${upstream}`;
}

export function formatContainerdSnippet({ host, upstreams }: SnippetOptions): string {
  const lines = [
    '# containerd: a file for each registry that is mirrored. Its configuration has to name their directory',
    '# (containerd is restarted once for that, never for these files):',
    '#   1.6, 1.7   [plugins."io.containerd.grpc.v1.cri".registry]',
    '#   2.x        [plugins."io.containerd.cri.v1.images".registry]',
    '#                config_path = "/etc/containerd/certs.d"',
    '# ctr is told with --hosts-dir /etc/containerd/certs.d.',
  ];
  for (const upstream of upstreams) {
    lines.push(
      '',
      `# /etc/containerd/certs.d/${upstream}/hosts.toml`,
      `server = "${serverOf(upstream)}"`,
      '',
      `[host."http://${host}"]`,
      '  capabilities = ["pull", "resolve"]',
      '  # Known since containerd 2.0: a proxy that is gone costs a second, not half a minute.',
      '  dial_timeout = "1s"',
    );
  }
  return `${lines.join('\n')}\n`;
}
