/** Manifests and configurations: what a conversion may change, and what it may not. */
import type { ImageConfig, ImageManifest } from '@shoal/oci';
import { MediaType, sha256Digest } from '@shoal/oci';
import t from 'tap';
import { compareDocuments } from '../src/check/compare-documents.ts';
import { DifferenceList } from '../src/check/difference-list.ts';
import type { OpenedImage } from '../src/image/open-image.ts';
import { OrdinaryImage } from '../src/image/opened-image.ts';

const digest = sha256Digest(Buffer.from('x'));
const descriptor = { mediaType: MediaType.ociConfig, digest, size: 1 };
const manifest: ImageManifest = {
  kind: 'manifest',
  schemaVersion: 2,
  mediaType: MediaType.ociManifest,
  config: descriptor,
  layers: [descriptor],
  annotations: { 'org.example': 'one' },
};
const config: ImageConfig = {
  os: 'linux',
  architecture: 'amd64',
  created: '2020-01-01T00:00:00Z',
  config: { Env: ['A=1'], Cmd: ['/bin/sh'] },
  rootfs: { type: 'layers', diff_ids: [digest] },
  history: [{ created_by: 'one' }, { created_by: 'two', empty_layer: true }],
};

function imageOf(changes: { manifest?: object; config?: object } = {}): OpenedImage {
  return new OrdinaryImage({
    description: 'test',
    store: undefined as never,
    descriptor,
    manifest: { ...manifest, ...changes.manifest },
    config: { ...config, ...changes.config },
    index: undefined,
  });
}

function compare(changes: { manifest?: object; config?: object }) {
  const differences = new DifferenceList();
  const allowed = compareDocuments(imageOf(), imageOf(changes), differences);
  return {
    allowed: allowed.map(({ scope, path }) => `${scope} ${path}`),
    found: differences.listed.map(({ scope, path }) => `${scope} ${path}`),
  };
}

t.test('equal documents', async (t) => {
  t.same(compare({}), { allowed: [], found: [] });
});

t.test('what a conversion changes by design', async (t) => {
  const other = sha256Digest(Buffer.from('y'));
  const changed = compare({
    manifest: {
      mediaType: MediaType.dockerManifest,
      config: { ...descriptor, digest: other },
      layers: [{ ...descriptor, digest: other }],
      subject: descriptor,
      annotations: { 'org.example': 'one', 'containerd.io/snapshot/nydus-x': 'y' },
    },
    config: {
      rootfs: { type: 'layers', diff_ids: [other, other] },
      history: [
        { created_by: 'one' },
        { created_by: 'two', empty_layer: true },
        { created_by: 'Nydus Converter', comment: 'Nydus Bootstrap Layer' },
      ],
    },
  });
  t.same(changed.found, []);
  t.same(changed.allowed.sort(), [
    'config history',
    'config rootfs',
    'manifest annotations.containerd.io/snapshot/nydus-x',
    'manifest config',
    'manifest layers',
    'manifest mediaType',
    'manifest subject',
  ]);
});

t.test('what no conversion may change', async (t) => {
  const cases: readonly (readonly [Parameters<typeof compare>[0], string])[] = [
    [{ config: { config: { Env: ['A=2'], Cmd: ['/bin/sh'] } } }, 'config config.Env'],
    [{ config: { config: { Env: ['A=1'] } } }, 'config config.Cmd'],
    [{ config: { config: undefined } }, 'config config.Cmd,config config.Env'],
    [{ config: { created: undefined } }, 'config created'],
    [{ config: { architecture: 'arm64' } }, 'config architecture'],
    [{ config: { history: [{ created_by: 'other' }] } }, 'config history'],
    [{ config: { history: undefined } }, 'config history'],
    [{ config: { 'moby.unknown': 1 } }, 'config moby.unknown'],
    [{ manifest: { annotations: undefined } }, 'manifest annotations.org.example'],
    [{ manifest: { annotations: { 'org.example': 'two' } } }, 'manifest annotations.org.example'],
    [{ manifest: { unknownField: true } }, 'manifest unknownField'],
  ];
  for (const [changes, expected] of cases) {
    const { found } = compare(changes);
    t.equal(found.sort().join(), expected, JSON.stringify(changes));
  }
});
