/** `daemon.json` of Docker, which mirrors Docker Hub only. JSON has no comments. */
import type { MirrorSnippet, SnippetOptions } from './snippet.ts';

export function formatDockerSnippet({ host, upstreams }: SnippetOptions): MirrorSnippet {
  const isLoopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::|$)/.test(host);
  const config = {
    'registry-mirrors': [`http://${host}`],
    // Docker takes plain HTTP of loopback addresses unasked.
    ...(isLoopback ? {} : { 'insecure-registries': [host] }),
  };
  const notes = [
    'Docker: these keys go into /etc/docker/daemon.json; then: systemctl reload docker',
    'Docker mirrors Docker Hub only, and asks it itself when the proxy fails.',
  ];
  if (!upstreams.includes('docker.io')) {
    notes.push('This proxy does not mirror docker.io: give it --upstream docker.io.');
  }
  return { text: `${JSON.stringify(config, undefined, 2)}\n`, notes };
}
