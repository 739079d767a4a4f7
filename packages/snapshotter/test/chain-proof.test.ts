/**
 * Only a layer whose chain id is proven is left out: a stranger's configuration may name the layers of
 * any image, and containerd compares nothing of what we say is there.
 */
import { Readable } from 'node:stream';
import { chainId, type Digest, MediaType, parseDigest, sha256Digest } from '@shoal/oci';
import { encodeBootstrapLayerTar } from '@shoal/rafs';
import type { ImageStore } from '@shoal/registry-client';
import { temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { BootstrapStore } from '../src/bootstraps/bootstrap-store.ts';
import { ImageLabel } from '../src/images/image-labels.ts';
import type { LowerMounts } from '../src/images/image-mounts.ts';
import { Reason } from '../src/images/layer-kind.ts';
import { decodeMark } from '../src/images/lazy-mark.ts';
import { openLazyImages } from '../src/images/open-lazy-images.ts';
import { silentLog } from '../src/service-log.ts';
import type { Labels, LayerDecision } from '../src/snapshots/lazy-layers.ts';
import { StateStore } from '../src/state/state-store.ts';
import { emptyBootstrap } from './support/tiny-bootstrap.ts';

type Tap = Parameters<typeof temporaryDirectory>[0];

const digest = (pair: string) => parseDigest(`sha256:${pair.repeat(32)}`);
const long = parseDigest(`sha512:${'dd'.repeat(64)}`);
const [A, B, C] = [digest('aa'), digest('bb'), digest('cc')];
const { signal } = new AbortController();
const refused = () => Promise.reject(new Error('not used'));

/** Names of parents as the metadata store gives them, and as ours. */
const UNPACKED = (chain: string) => `k8s.io/12/${chain}`;
const SKIPPED = (chain: string) => `lazy/7/${chain}`;

t.test('chain ids are those of the specification', async (t) => {
  t.equal(chainId(undefined, A), A);
  const second = chainId(A, B);
  t.equal(second, sha256Digest(Buffer.from(`${A} ${B}`)));
  t.equal(chainId(second, long), sha256Digest(Buffer.from(`${second} ${long}`)), 'always sha256');
});

/** A store that serves one bootstrap layer, and what it unpacks to. */
function bootstrapLayer() {
  const tar = encodeBootstrapLayerTar({ bootstrap: emptyBootstrap(), metaFiles: new Map() });
  const bytes = Buffer.concat(tar);
  const layer = {
    mediaType: MediaType.ociLayerTar,
    digest: sha256Digest(bytes),
    size: bytes.length,
  };
  const store: ImageStore = {
    description: 'test',
    resolve: refused,
    readManifest: refused,
    readBlob: () => Promise.resolve(Readable.from([bytes])),
    readBlobRange: refused,
    listReferrers: () => Promise.resolve([]),
    close: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  return { store, layer, diffId: sha256Digest(bytes) };
}

/** The lazy part over a service that says it has mounted `mounted`. */
async function lazyPart(t: Tap, mounted: Digest) {
  const root = temporaryDirectory(t);
  const state = await StateStore.open(root);
  const bootstraps = new BootstrapStore(root, state);
  const service: LowerMounts = {
    mountLower: async ({ mountpoint, reference }) => ({
      ...{ mountpoint, reference, manifestDigest: '', driver: '', driverReason: '' },
    }),
    unmount: async ({ mountpoint }) => ({ mountpoint }),
    isMounted: () => false,
    isKnown: () => false,
    usageOf: () => undefined,
    bootstrapOf: () => mounted,
  };
  const access = { open: refused };
  const lazy = openLazyImages({ root, service, access, bootstraps, log: silentLog });
  t.teardown(async () => {
    await lazy.close();
    await state.close();
  });
  const decide = (labels: Labels, parent?: string) => {
    const parents =
      parent === undefined ? [] : [{ id: 1, name: parent, labels: {}, directory: root }];
    return lazy.decide({ key: 'k8s.io/1/extract-1 x', labels, parents, signal });
  };
  return { bootstraps, decide };
}

function labelsFor(mark: 'blob' | 'bootstrap', target: string, layer?: Digest): Labels {
  return {
    [ImageLabel.target]: target,
    [ImageLabel.imageRef]: 'r.example/app:1',
    [ImageLabel.manifestDigest]: C,
    ...(layer === undefined ? {} : { [ImageLabel.layerDigest]: layer }),
    [`containerd.io/snapshot/nydus-${mark}`]: 'true',
  };
}

/** What becomes of the layer: skipped, or the reason why not. */
function outcome({ kind, mark }: LayerDecision): string {
  if (kind === 'skip' || mark === undefined) return kind;
  const content = decodeMark(mark);
  return content.kind === 'ordinary' ? content.reason : content.kind;
}

t.test('data layers', async (t) => {
  const { decide } = await lazyPart(t, A);
  const rows: [string, string, Digest | undefined, string | undefined, string][] = [
    ['the lowest', A, A, undefined, 'skip'],
    ['on a skipped one', chainId(A, B), B, SKIPPED(A), 'skip'],
    ['on an unpacked one', chainId(A, B), B, UNPACKED(A), 'skip'],
    ['sha512', chainId(A, long), long, UNPACKED(A), 'skip'],
    ['sha512, the lowest', long, long, undefined, 'skip'],
    ['the lowest of another image', B, A, undefined, Reason.otherChain],
    ['of another image', chainId(A, C), B, SKIPPED(A), Reason.otherChain],
    ['on another parent', chainId(A, B), B, SKIPPED(C), Reason.otherChain],
    ['its digest instead of the chain id', B, B, SKIPPED(A), Reason.otherChain],
    ['sha512 of another image', chainId(A, B), long, UNPACKED(A), Reason.otherChain],
  ];
  for (const [what, target, layer, parent, expected] of rows) {
    t.equal(outcome(await decide(labelsFor('blob', target, layer), parent)), expected, what);
  }
  const unnamed = decide(labelsFor('blob', A));
  await t.rejects(unnamed, { code: 'ERR_SNAPSHOTTER_LAZY_IMAGE', remedy: /annotations/ });
});

t.test('a bootstrap', async (t) => {
  const { store, layer, diffId } = bootstrapLayer();
  const { bootstraps, decide } = await lazyPart(t, layer.digest);
  const right = labelsFor('bootstrap', chainId(A, diffId), layer.digest);
  t.equal(outcome(await decide(right, SKIPPED(A))), Reason.notCompared, 'nobody has fetched it');
  await bootstraps.fetch(store, layer, signal);
  t.equal(await bootstraps.diffIdOf(layer.digest), diffId);
  t.equal(outcome(await decide(right, SKIPPED(A))), 'skip');
  t.equal(outcome(await decide(labelsFor('bootstrap', diffId, layer.digest))), 'skip', 'alone');
  const wrong = labelsFor('bootstrap', chainId(A, B), layer.digest);
  t.equal(outcome(await decide(wrong, SKIPPED(A))), Reason.otherChain);
  t.equal(outcome(await decide(right, SKIPPED(B))), Reason.otherChain, 'another parent');
});

t.test("another image's bootstrap beside the mounted one", async (t) => {
  const { store, layer, diffId } = bootstrapLayer();
  const { bootstraps, decide } = await lazyPart(t, B);
  await bootstraps.fetch(store, layer, signal);
  const labels = labelsFor('bootstrap', chainId(A, diffId), layer.digest);
  t.equal(outcome(await decide(labels, SKIPPED(A))), Reason.notCompared);
});
