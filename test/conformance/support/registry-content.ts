/** Everything a repository holds that its tags lead to. */
import { MANIFEST_MEDIA_TYPES, parseManifest } from '@shoal/oci';
import { ask } from './plain-get.ts';

export type RegistryContent = {
  readonly tags: readonly string[];
  readonly manifests: readonly string[];
  readonly blobs: readonly string[];
  /** Digests that manifests refer to. */
  readonly subjects: readonly string[];
};

/** `host` is `127.0.0.1:PORT`. What an index lists may be missing. */
export async function contentOf(host: string, repository: string): Promise<RegistryContent> {
  const base = `http://${host}/v2/${repository}`;
  const listed: unknown = JSON.parse((await ask(`${base}/tags/list`)).body.toString('utf8'));
  const tags = Object.values(Object(listed))
    .flat()
    .filter((tag) => tag !== repository)
    .map(String);
  const [manifests, blobs, subjects] = [new Set<string>(), new Set<string>(), new Set<string>()];
  const waiting = [...tags];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const accept = MANIFEST_MEDIA_TYPES.join(', ');
    const { status, headers, body } = await ask(`${base}/manifests/${name}`, { accept });
    const digest = headers['docker-content-digest'];
    if (status !== 200 || typeof digest !== 'string' || manifests.has(digest)) continue;
    manifests.add(digest);
    const document = parseManifest(body);
    if (document.subject !== undefined) subjects.add(document.subject.digest);
    if (document.kind === 'index') {
      waiting.push(...document.manifests.map((entry) => entry.digest));
      continue;
    }
    for (const { digest, mediaType } of [document.config, ...document.layers]) {
      if (!mediaType.includes('nondistributable')) blobs.add(digest);
    }
  }
  return { tags, manifests: [...manifests], blobs: [...blobs], subjects: [...subjects] };
}
