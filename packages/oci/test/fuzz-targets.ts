/** Decoders of documents and text from strangers. */
import {
  encodeImageConfig,
  encodeManifest,
  formatReference,
  parseImageConfig,
  parseManifest,
  parsePlatform,
  parseReference,
} from '@shoal/oci';
import type { FuzzTarget } from '@shoal/test-kit';

const digest = `sha256:${'5'.repeat(64)}`;
const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest, size: 10 };
const platform = { os: 'linux', architecture: 'arm64', variant: 'v8' };

const jsonBytes = (value: unknown) => Buffer.from(JSON.stringify(value));

export const fuzzTargets: readonly FuzzTarget[] = [
  {
    name: 'manifest',
    samples: () => [
      jsonBytes({ schemaVersion: 2, config: layer, layers: [layer], annotations: { a: 'b' } }),
      jsonBytes({ schemaVersion: 2, manifests: [{ ...layer, platform }], subject: layer }),
    ],
    run: (input) => encodeManifest(parseManifest(input)),
  },
  {
    name: 'image-config',
    samples: () => [
      jsonBytes({ ...platform, rootfs: { type: 'layers', diff_ids: [digest] }, history: [{}] }),
    ],
    run: (input) => encodeImageConfig(parseImageConfig(input)),
  },
  {
    name: 'reference',
    samples: () =>
      [`r.example:5000/a/b:c@${digest}`, 'oci:/a/b:c', 'debian', 'dir:/x'].map((text) =>
        Buffer.from(text),
      ),
    run: (input) => formatReference(parseReference(input.toString('utf8'))),
  },
  {
    name: 'platform',
    samples: () => [Buffer.from('linux/arm64/v8')],
    run: (input) => parsePlatform(input.toString('utf8')),
  },
];
