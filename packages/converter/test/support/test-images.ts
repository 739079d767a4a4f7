/** Images and registries for tests of whole conversions. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDigest, parseManifest, parseReference, sha256Digest } from '@shoal/oci';
import { type AccessRecord, EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { buildLayout, noise, type TarSpec, type TestScope, writeTar } from '@shoal/test-kit';

/** A registry whose traffic is counted. */
export class CountedRegistry {
  readonly registry: EmbeddedRegistry;
  readonly #records: AccessRecord[];

  private constructor(registry: EmbeddedRegistry, records: AccessRecord[]) {
    this.registry = registry;
    this.#records = records;
  }

  static async listen(t: TestScope): Promise<CountedRegistry> {
    const records: AccessRecord[] = [];
    const accessLog = (record: AccessRecord) => records.push(record);
    const registry = await EmbeddedRegistry.listen({ accessLog });
    t.teardown(() => registry.close());
    return new CountedRegistry(registry, records);
  }

  reference(name: string) {
    return parseReference(`${this.registry.host}/${name}`);
  }

  /** What went over the wire since the last call. */
  take(): { records: AccessRecord[]; bytesIn: number; bytesOut: number } {
    const records = this.#records.splice(0);
    const sum = (pick: (record: AccessRecord) => number) =>
      records.reduce((total, record) => total + pick(record), 0);
    return {
      records,
      bytesIn: sum(({ bytesIn }) => bytesIn),
      bytesOut: sum(({ bytesOut }) => bytesOut),
    };
  }

  async tags(repository: string): Promise<string[]> {
    const answer = await fetch(`http://${this.registry.host}/v2/${repository}/tags/list`);
    if (!answer.ok) return [];
    const { tags } = (await answer.json()) as { tags: string[] | null };
    return (tags ?? []).filter((tag) => !tag.startsWith('sha256-'));
  }
}

/** An image whose layers each hold one incompressible file of the given size. */
export function noiseLayout(directory: string, layers: readonly (readonly [string, number])[]) {
  buildLayout({
    directory,
    layers: layers.map(([name, size]) => {
      const entries: TarSpec[] = [{ name, content: noise(size, name) }];
      return { tar: writeTar(entries), compression: 'gzip' as const };
    }),
  });
  return parseReference(`oci:${directory}:latest`);
}

/** The document a layout's only tag points at. */
export function rootDocument(directory: string) {
  const index = readDocument(join(directory, 'index.json'));
  if (index.kind !== 'index') throw new Error('no index');
  const [root] = index.manifests;
  if (root === undefined) throw new Error('empty index');
  return { descriptor: root, document: readDocument(blobPath(directory, root.digest)) };
}

export function readDocument(path: string) {
  return parseManifest(readFileSync(path), path);
}

export function blobPath(directory: string, digest: string): string {
  if (!isDigest(digest)) throw new Error(`${digest} is no digest`);
  return join(directory, 'blobs', 'sha256', digest.slice('sha256:'.length));
}

/** Puts another configuration or manifest into a layout and points its tag there. */
export function rewriteManifest(
  directory: string,
  edit: (manifest: Record<string, unknown>, config: Record<string, unknown>) => void,
): void {
  const parse = (path: string) => JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  const index = parse(join(directory, 'index.json'));
  const { descriptor, document } = rootDocument(directory);
  if (document.kind !== 'manifest') throw new Error('no manifest');
  const manifest = parse(blobPath(directory, descriptor.digest));
  const config = parse(blobPath(directory, document.config.digest));
  edit(manifest, config);
  const store = (value: unknown) => {
    const bytes = Buffer.from(JSON.stringify(value));
    writeFileSync(blobPath(directory, sha256Digest(bytes)), bytes);
    return { digest: sha256Digest(bytes), size: bytes.length };
  };
  manifest['config'] = { ...(manifest['config'] as object), ...store(config) };
  const [entry] = index['manifests'] as Record<string, unknown>[];
  index['manifests'] = [{ ...entry, ...store(manifest) }];
  writeFileSync(join(directory, 'index.json'), JSON.stringify(index));
}
