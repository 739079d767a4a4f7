/** What a container runtime has to be told so that it asks the proxy first, and where that goes. */
import { formatContainerdSnippet } from './containerd-snippet.ts';
import { formatCrioSnippet } from './crio-snippet.ts';
import { formatDockerSnippet } from './docker-snippet.ts';
import type { MirrorSnippet, SnippetOptions } from './snippet.ts';

export const RUNTIMES = ['containerd', 'crio', 'docker'] as const;
export type Runtime = (typeof RUNTIMES)[number];

export function formatMirrorSnippet(runtime: Runtime, options: SnippetOptions): MirrorSnippet {
  switch (runtime) {
    case 'containerd':
      return { text: formatContainerdSnippet(options), notes: [] };
    case 'crio':
      return { text: formatCrioSnippet(options), notes: [] };
    case 'docker':
      return formatDockerSnippet(options);
  }
}
