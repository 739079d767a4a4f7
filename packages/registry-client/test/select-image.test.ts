/** Which image of a reference is taken: itself, out of an index, or a referrer. One table. */
import {
  type Descriptor,
  MediaType,
  type Platform,
  parsePlatform,
  parseReference,
} from '@shoal/oci';
import { findConvertedImage, openSource, openTarget, selectManifest } from '@shoal/registry-client';
import { temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { HOST, ImageAuthor, NOT_CONVERTED, nameOf } from './support/image-author.ts';

const OTHER: Platform = { os: 'linux', architecture: 's390x' };
const MARK = { artifactType: MediaType.nydusManifestArtifact };
const OLD_MARK = { platform: { ...HOST, 'os.features': ['nydus.remoteimage.v1'] } };

type Row = {
  readonly name: string;
  readonly build: (author: ImageAuthor) => Promise<Descriptor>;
  readonly platform?: string;
  /** Name of the converted image that is found, or the code of the error. */
  readonly converted: string;
  /** Name of what is taken when the ordinary kind is preferred. */
  readonly ordinary: string;
};

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

for (const row of rows) {
  t.test(row.name, async (t) => {
    const reference = parseReference(`oci:${temporaryDirectory(t)}/image:v1`);
    await using target = await openTarget(reference);
    const author = new ImageAuthor(target);
    await author.tag(await row.build(author));
    await using store = await openSource(reference);
    const options = row.platform === undefined ? {} : { platform: parsePlatform(row.platform) };
    t.equal(await nameOf(author, findConvertedImage(store, options)), row.converted);
    const ordinary = selectManifest(store, { ...options, prefer: 'ordinary' });
    t.equal(await nameOf(author, ordinary), row.ordinary);
  });
}
