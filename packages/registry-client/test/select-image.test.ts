/** Which image of a reference is taken: itself, out of an index, or a referrer. One table. */
import {
  type Descriptor,
  encodeManifest,
  hostPlatform,
  type ImageIndex,
  type ImageManifest,
  MediaType,
  NydusAnnotation,
  type Platform,
  parsePlatform,
  parseReference,
} from '@shoal/oci';
import {
  findConvertedImage,
  type ImageTarget,
  openSource,
  openTarget,
  selectManifest,
} from '@shoal/registry-client';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { FaultProxy, temporaryDirectory } from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { writeBlob } from './support/image-target-suite.ts';

const HOST = hostPlatform();
const OTHER: Platform = { os: 'linux', architecture: 's390x' };
const MARK = { artifactType: MediaType.nydusManifestArtifact };
const OLD_MARK = { platform: { ...HOST, 'os.features': ['nydus.remoteimage.v1'] } };
const QUICK = { plainHttp: true, retry: { attemptsMax: 2, delayMs: 1, delayMaxMs: 2 } };

/** Writes documents; names stand for digests in the table. */
class Author {
  readonly target: ImageTarget;
  readonly names = new Map<string, string>();
  readonly #written = new Map<string, { bytes: Buffer; mediaType: string }>();

  constructor(target: ImageTarget) {
    this.target = target;
  }

  ordinary(name: string, platform: Platform = HOST, extra: Partial<ImageManifest> = {}) {
    return this.#image(name, platform, {}, extra);
  }

  converted(name: string, platform: Platform = HOST, extra: Partial<ImageManifest> = {}) {
    const marks = { [NydusAnnotation.bootstrap]: 'true', [NydusAnnotation.fsVersion]: '6' };
    return this.#image(name, platform, marks, extra);
  }

  old(name: string) {
    const marks = { [NydusAnnotation.bootstrap]: 'true', [NydusAnnotation.fsVersion]: '5' };
    return this.#image(name, HOST, marks, {});
  }

  /** A converted image with an ordinary layer above. */
  async committed(name: string) {
    const bootstrap = { [NydusAnnotation.bootstrap]: 'true', [NydusAnnotation.fsVersion]: '6' };
    const below = await writeBlob(this.target, Buffer.from('below'), MediaType.ociLayerTarGzip);
    const above = await writeBlob(this.target, Buffer.from('above'), MediaType.ociLayerTarGzip);
    return this.#image(name, HOST, {}, { layers: [{ ...below, annotations: bootstrap }, above] });
  }

  async #image(
    name: string,
    { os, architecture }: Platform,
    annotations: Record<string, string>,
    extra: Partial<ImageManifest>,
  ): Promise<Descriptor> {
    const layer = await writeBlob(this.target, Buffer.from(name), MediaType.ociLayerTarGzip);
    const config = Buffer.from(JSON.stringify({ os, architecture }));
    return this.write(name, {
      kind: 'manifest',
      schemaVersion: 2,
      mediaType: MediaType.ociManifest,
      config: await writeBlob(this.target, config, MediaType.ociConfig),
      layers: [{ ...layer, annotations }],
      ...extra,
    });
  }

  index(...manifests: Descriptor[]) {
    const { ociIndex: mediaType } = MediaType;
    return this.write('index', { kind: 'index', schemaVersion: 2, mediaType, manifests });
  }

  async write(name: string, document: ImageManifest | ImageIndex): Promise<Descriptor> {
    const bytes = encodeManifest(document);
    const options = { tag: false } as const;
    const descriptor = await this.target.writeManifest(bytes, document.mediaType, options);
    this.names.set(descriptor.digest, name);
    this.#written.set(descriptor.digest, { bytes, mediaType: document.mediaType });
    return descriptor;
  }

  /** Lets the reference point at it. */
  async tag({ digest }: Descriptor): Promise<void> {
    const { bytes, mediaType } = this.#written.get(digest) ?? {};
    if (bytes === undefined || mediaType === undefined) throw new Error('never written');
    await this.target.writeManifest(bytes, mediaType);
  }
}

type Row = {
  readonly name: string;
  readonly build: (author: Author) => Promise<Descriptor>;
  readonly platform?: string;
  /** Name of the converted image that is found, or the code of the error. */
  readonly converted: string;
  /** Name of what is taken when the ordinary kind is preferred. */
  readonly ordinary: string;
};

const NOT_CONVERTED = 'ERR_REGISTRY_CLIENT_NOT_CONVERTED';
const NO_PLATFORM = 'ERR_REGISTRY_CLIENT_PLATFORM_MISSING';

const rows: readonly Row[] = [
  {
    name: 'a converted manifest',
    build: (author) => author.converted('it'),
    converted: 'it',
    ordinary: 'it',
  },
  {
    name: 'an ordinary manifest',
    build: (author) => author.ordinary('plain'),
    converted: NOT_CONVERTED,
    ordinary: 'plain',
  },
  {
    name: 'a manifest of another platform when none is asked for',
    build: (author) => author.converted('it', OTHER),
    converted: 'it',
    ordinary: 'it',
  },
  {
    name: 'a manifest of another platform than the one asked for',
    build: (author) => author.converted('it'),
    platform: 'linux/s390x',
    converted: NO_PLATFORM,
    ordinary: NO_PLATFORM,
  },
  {
    name: 'a manifest of another format version',
    build: (author) => author.old('old'),
    converted: 'ERR_REGISTRY_CLIENT_IMAGE_VERSION',
    ordinary: 'old',
  },
  {
    name: 'an index with platforms',
    build: async (author) =>
      author.index(
        { ...(await author.converted('other', OTHER)), platform: OTHER },
        { ...(await author.converted('host')), platform: HOST },
      ),
    converted: 'host',
    ordinary: 'host',
  },
  {
    name: 'an index with platforms, another one asked for',
    build: async (author) =>
      author.index(
        { ...(await author.converted('other', OTHER)), platform: OTHER },
        { ...(await author.converted('host')), platform: HOST },
      ),
    platform: 'linux/s390x',
    converted: 'other',
    ordinary: 'other',
  },
  {
    name: 'an index without the platform',
    build: async (author) =>
      author.index(
        { ...(await author.converted('other', OTHER)), platform: OTHER },
        { ...(await author.converted('third', OTHER)), platform: { ...OTHER, variant: 'z15' } },
      ),
    converted: NO_PLATFORM,
    ordinary: NO_PLATFORM,
  },
  {
    name: 'an index for one other platform, none asked for',
    build: async (author) =>
      author.index({ ...(await author.converted('other', OTHER)), platform: OTHER }),
    converted: 'other',
    ordinary: 'other',
  },
  {
    name: 'an index that names no platform: the configurations do',
    build: async (author) =>
      author.index(await author.converted('other', OTHER), await author.converted('host')),
    converted: 'host',
    ordinary: 'host',
  },
  {
    name: 'a merged index with the artifact type',
    build: async (author) =>
      author.index(
        { ...(await author.ordinary('plain')), platform: HOST },
        { ...(await author.converted('it')), platform: HOST, ...MARK },
      ),
    converted: 'it',
    ordinary: 'plain',
  },
  {
    name: 'a merged index with the platform feature, converted image first',
    build: async (author) =>
      author.index(
        { ...(await author.converted('it')), ...OLD_MARK },
        { ...(await author.ordinary('plain')), platform: HOST },
      ),
    converted: 'it',
    ordinary: 'plain',
  },
  {
    name: 'a merged index without marks',
    build: async (author) =>
      author.index(
        { ...(await author.ordinary('plain')), platform: HOST },
        { ...(await author.converted('it')), platform: HOST },
      ),
    converted: 'it',
    ordinary: 'plain',
  },
  {
    name: 'a nested index, whose platform holds for what is in it',
    build: async (author) =>
      author.index(
        { ...(await author.index(await author.converted('other', OTHER))), platform: OTHER },
        { ...(await author.index(await author.converted('host'))), platform: HOST },
      ),
    converted: 'host',
    ordinary: 'host',
  },
  {
    name: 'indexes nested too deep',
    build: async (author) => {
      let inner = await author.index({ ...(await author.converted('it')), platform: HOST });
      for (let depth = 0; depth < 3; depth++) inner = await author.index(inner);
      return inner;
    },
    converted: 'ERR_OCI_DOCUMENT_LIMIT',
    ordinary: 'ERR_OCI_DOCUMENT_LIMIT',
  },
  {
    name: 'a referrer, behind signatures and other versions',
    build: async (author) => {
      const subject = await author.ordinary('plain');
      const artifactType = 'application/vnd.example.signature';
      for (let n = 0; n < 40; n++) await author.ordinary(`s${n}`, HOST, { subject, artifactType });
      await author.converted('it', HOST, { subject });
      return subject;
    },
    converted: 'it',
    ordinary: 'plain',
  },
  {
    name: 'a referrer of an original in an index',
    build: async (author) => {
      const subject = await author.ordinary('plain');
      await author.converted('it', HOST, { subject });
      const other = await author.ordinary('other', OTHER);
      await author.converted('wrong', OTHER, { subject: other });
      return author.index({ ...other, platform: OTHER }, { ...subject, platform: HOST });
    },
    converted: 'it',
    ordinary: 'plain',
  },
  {
    name: 'an attestation beside the original',
    build: async (author) =>
      author.index(
        { ...(await author.ordinary('plain')), platform: HOST },
        {
          ...(await author.converted('attestation')),
          platform: { os: 'unknown', architecture: 'unknown' },
        },
      ),
    converted: NOT_CONVERTED,
    ordinary: 'plain',
  },
];

async function nameOf(author: Author, found: Promise<{ descriptor: Descriptor }>): Promise<string> {
  const { descriptor } = await found.catch((error: unknown) => ({
    descriptor: {
      digest: error instanceof Error && 'code' in error ? `${error.code}` : `${error}`,
    },
  }));
  return author.names.get(descriptor.digest) ?? descriptor.digest;
}

for (const row of rows) {
  t.test(row.name, async (t) => {
    const reference = parseReference(`oci:${temporaryDirectory(t)}/image:v1`);
    await using target = await openTarget(reference);
    const author = new Author(target);
    await author.tag(await row.build(author));
    await using store = await openSource(reference);
    const options = row.platform === undefined ? {} : { platform: parsePlatform(row.platform) };
    t.equal(await nameOf(author, findConvertedImage(store, options)), row.converted);
    const ordinary = selectManifest(store, { ...options, prefer: 'ordinary' });
    t.equal(await nameOf(author, ordinary), row.ordinary);
  });
}

/** An original and its converted referrer in a registry behind a proxy. */
async function scene(t: Test) {
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  const proxy = await FaultProxy.listen(t, registry.host);
  await using target = await openTarget(parseReference(`${registry.host}/a/b:v1`), QUICK);
  const author = new Author(target);
  const subject = await author.ordinary('plain');
  await author.tag(subject);
  const converted = await author.converted('it', HOST, { subject });
  return { proxy, subject, converted };
}

t.test('a digest reference: its referrer, and itself', async (t) => {
  const { proxy, subject, converted } = await scene(t);
  for (const { digest } of [subject, converted]) {
    await using store = await openSource(parseReference(`${proxy.host}/a/b@${digest}`), QUICK);
    const found = await findConvertedImage(store);
    t.equal(found.descriptor.digest, converted.digest);
    t.match(found.bootstrap.annotations, { [NydusAnnotation.bootstrap]: 'true' });
  }
});

t.test('an ordinary image is refused with the command that helps', async (t) => {
  const reference = parseReference(`oci:${temporaryDirectory(t)}/image:v1`);
  await using target = await openTarget(reference);
  const author = new Author(target);
  await author.tag(await author.ordinary('plain'));
  await using store = await openSource(reference);
  await t.rejects(findConvertedImage(store), {
    code: NOT_CONVERTED,
    remedy: /^convert it first: shoal convert --source oci:.*image:v1 --target <reference>$/,
  });
});

t.test('layers above a bootstrap are not left out unasked', async (t) => {
  const reference = parseReference(`oci:${temporaryDirectory(t)}/image:v1`);
  await using target = await openTarget(reference);
  const author = new Author(target);
  await author.tag(await author.committed('committed'));
  await using store = await openSource(reference);
  await t.rejects(findConvertedImage(store), { code: 'ERR_REGISTRY_CLIENT_LAYERS_ABOVE' });
  const asked = findConvertedImage(store, { layersAbove: 'ignored' });
  t.equal(await nameOf(author, asked), 'committed');
});

t.test('referrers that cannot be asked for are an error, not "none"', async (t) => {
  const { proxy } = await scene(t);
  const faults = [
    [{ kind: 'status', status: 401 }, /credentials are wanted/, false],
    [{ kind: 'status', status: 500 }, /status 500/, true],
    [{ kind: 'reset' }, /the connection broke/, true],
  ] as const;
  for (const [fault, why, retryable] of faults) {
    proxy.heal();
    proxy.inject({ fault, matches: ({ url }) => url?.includes('/referrers/') === true });
    await using store = await openSource(parseReference(`${proxy.host}/a/b:v1`), QUICK);
    const code = 'ERR_REGISTRY_CLIENT_REFERRERS';
    await t.rejects(findConvertedImage(store), { code, message: why, retryable, remedy: /./ });
  }
  proxy.heal();
  const fault = { kind: 'status', status: 404 } as const;
  proxy.inject({ fault, matches: ({ url }) => url?.includes('/referrers/') === true });
  await using store = await openSource(parseReference(`${proxy.host}/a/b:v1`), QUICK);
  await t.rejects(findConvertedImage(store), { code: NOT_CONVERTED }, 'no API and no tag');
});

t.test('a referrer that was deleted since is passed over', async (t) => {
  const { proxy, converted } = await scene(t);
  const fault = { kind: 'status', status: 404 } as const;
  proxy.inject({ fault, matches: ({ url }) => url?.endsWith(converted.digest) === true });
  await using store = await openSource(parseReference(`${proxy.host}/a/b:v1`), QUICK);
  await t.rejects(findConvertedImage(store), { code: NOT_CONVERTED });
});

t.test('a tag, a repository or a digest that is not there: one sentence says which', async (t) => {
  const { proxy, subject } = await scene(t);
  const digest = subject.digest.replace(/.$/, (last) => (last === '0' ? '1' : '0'));
  for (const name of ['a/b:v9', 'a/c:latest', `a/b@${digest}`]) {
    await using store = await openSource(parseReference(`${proxy.host}/${name}`), QUICK);
    await t.rejects(findConvertedImage(store), {
      code: 'ERR_REGISTRY_CLIENT_NOT_FOUND',
      message: `the registry ${proxy.host} has no image ${name}`,
      remedy: `check host, name and tag; if the image is private, log in first: docker login ${proxy.host}`,
    });
  }
});

t.test('an index whose image is not there', async (t) => {
  const { proxy, subject } = await scene(t);
  await using target = await openTarget(parseReference(`${proxy.host}/a/b:index`), QUICK);
  const author = new Author(target);
  await author.tag(await author.index({ ...subject, platform: HOST }));
  const fault = { kind: 'status', status: 404 } as const;
  proxy.inject({ fault, matches: ({ url }) => url?.endsWith(subject.digest) === true });
  await using store = await openSource(parseReference(`${proxy.host}/a/b:index`), QUICK);
  await t.rejects(findConvertedImage(store), {
    code: 'ERR_REGISTRY_CLIENT_NOT_FOUND',
    message: `${proxy.host}/a/b: manifest ${subject.digest} is missing`,
    remedy: /push it again/,
  });
});
