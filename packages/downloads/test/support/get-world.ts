/** A registry that can be made to fail, an artifact in it, and a directory to fetch into. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openSource } from '@shoal/registry-client';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import {
  type ArtifactFile,
  FaultProxy,
  pushArtifact,
  type TestScope,
  temporaryDirectory,
} from '@shoal/test-kit';
import {
  type DownloadedFile,
  type GetAccess,
  type GetFilesOptions,
  getTo,
  openGet,
  parseSubject,
} from '../../src/index.ts';

/** One try: what a fault does shows at once. */
const CLIENT = { plainHttp: true, retry: { attemptsMax: 1 } } as const;

export class GetWorld {
  readonly directory: string;
  readonly proxy: FaultProxy;

  static async open(t: TestScope): Promise<GetWorld> {
    const registry = await EmbeddedRegistry.listen();
    t.teardown(() => registry.close());
    return new GetWorld(temporaryDirectory(t), await FaultProxy.listen(t, registry.host));
  }

  private constructor(directory: string, proxy: FaultProxy) {
    this.directory = directory;
    this.proxy = proxy;
  }

  reference(name: string): string {
    return `${this.proxy.host}/team/${name}:1`;
  }

  async push(name: string, files: readonly ArtifactFile[]): Promise<string> {
    await pushArtifact(this.reference(name), files);
    this.proxy.seen.length = 0;
    this.proxy.bodyBytes = 0;
    return this.reference(name);
  }

  async get(
    text: string,
    to: string,
    options: GetFilesOptions & { readonly access?: Partial<GetAccess> } = {},
  ): Promise<readonly DownloadedFile[]> {
    const { access, ...rest } = options;
    const whole: GetAccess = {
      openStore: (reference) => openSource(reference, CLIENT),
      web: { open: () => Promise.reject(new Error('no URLs here')) },
      ...access,
    };
    const opened = await openGet({ subject: parseSubject(text), signal: options.signal }, whole);
    try {
      return await getTo(opened, this.path(to), rest);
    } finally {
      await opened.close();
    }
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  read(name: string): Buffer {
    return readFileSync(this.path(name));
  }

  /** Names in the directory. */
  names(below = ''): string[] {
    return readdirSync(join(this.directory, below)).toSorted();
  }
}
