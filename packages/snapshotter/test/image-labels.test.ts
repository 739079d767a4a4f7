/**
 * What the labels of a layer say, and what is remembered of it: nothing a client writes leads to a
 * local path, to a wrong image, or to a mark that cannot be read back.
 */
import { parseDigest } from '@shoal/oci';
import t from 'tap';
import { ImageLabel, isSearched, parseLayerLabels } from '../src/images/image-labels.ts';
import { layerKindOf, Reason } from '../src/images/layer-kind.ts';
import { decodeMark, encodeMark, type MarkContent } from '../src/images/lazy-mark.ts';
import type { LazyMark } from '../src/snapshots/lazy-layers.ts';

const digest = (pair: string) => parseDigest(`sha256:${pair.repeat(32)}`);
const [A, B, C] = [digest('aa'), digest('bb'), digest('cc')];
const FULL = {
  [ImageLabel.target]: A,
  [ImageLabel.imageRef]: 'registry.example/team/app:1',
  [ImageLabel.manifestDigest]: A,
  [ImageLabel.layerDigest]: B,
  [ImageLabel.imageLayers]: `${B},${C}`,
};

t.test('what the labels of containerd say', async (t) => {
  const { image, isTopmost, layerDigest } = parseLayerLabels(FULL);
  t.match(image, {
    reference: { registry: 'registry.example', repository: 'team/app', tag: '1' },
    manifestDigest: A,
  });
  t.equal(layerDigest, B);
  t.equal(isTopmost, false);
  t.equal(parseLayerLabels({ ...FULL, [ImageLabel.imageLayers]: B }).isTopmost, true);
  // Cut off in front of a second layer it looks the same as the last one's: only a longer list is cut.
  t.equal(parseLayerLabels({ ...FULL, [ImageLabel.imageLayers]: '' }).isTopmost, false);
});

t.test('where converted images are looked for', async (t) => {
  const { image } = parseLayerLabels(FULL);
  if (image === undefined) throw new Error('no image');
  for (const allowed of [true, ['registry.example'], ['x', 'registry.example/team/app']]) {
    t.ok(isSearched(allowed, image), `${allowed}`);
  }
  for (const allowed of [false, [], ['registry'], ['registry.example/te'], ['team/app']]) {
    t.notOk(isSearched(allowed, image), `${allowed}`);
  }
});

t.test('kinds of layers', async (t) => {
  t.match(layerKindOf(FULL), { kind: 'original', isTopmost: false, layerDigest: B });
  t.same(layerKindOf({}), {
    kind: 'ordinary',
    imageRef: undefined,
    reason: Reason.fetchedFirst,
  });
  t.match(layerKindOf({ [ImageLabel.target]: A }), { kind: 'ordinary', reason: Reason.noLabels });
  const blob = { [ImageLabel.target]: A, 'containerd.io/snapshot/nydus-blob': 'true' };
  t.match(layerKindOf(blob), { kind: 'data', layerDigest: undefined });
  t.match(layerKindOf({ ...FULL, ...blob }), { kind: 'data', layerDigest: B });
  const boot = { [ImageLabel.target]: A, 'containerd.io/snapshot/nydus-bootstrap': 'true' };
  t.match(layerKindOf(boot), { kind: 'bootstrap', image: undefined });
  t.match(layerKindOf({ ...FULL, ...boot }), { kind: 'bootstrap', image: { manifestDigest: A } });
});

for (const reference of [
  'oci:/etc',
  'dir:/',
  'docker-archive:/x.tar',
  '',
  '\0',
  'a b',
  'HTTP://x',
]) {
  t.test(`the name ${JSON.stringify(reference)} is not asked for`, async (t) => {
    t.match(layerKindOf({ ...FULL, [ImageLabel.imageRef]: reference }), {
      kind: 'ordinary',
      reason: Reason.notRegistry,
    });
  });
}

t.test('broken digests count as absent', async (t) => {
  const labels = { ...FULL, [ImageLabel.manifestDigest]: 'sha256:../../etc' };
  t.match(layerKindOf(labels), { kind: 'ordinary' });
  const { [ImageLabel.layerDigest]: _, ...without } = FULL;
  t.match(layerKindOf(without), { kind: 'ordinary', reason: Reason.incomplete });
});

t.test('marks are read back as they were written', async (t) => {
  const marks: MarkContent[] = [
    { kind: 'data' },
    {
      kind: 'absent',
      repository: 'r.example/a',
      manifestDigest: A,
      layerDigest: B,
      convertedDigest: C,
    },
    { kind: 'image', repository: 'r.example/a', manifestDigest: A, imageRef: 'r.example/a:1' },
    { kind: 'ordinary', reason: 'no' },
  ];
  for (const mark of marks) t.same(decodeMark(encodeMark(mark)), mark);
  for (const text of ['', '{}', '{"kind":"image"}', 'x'.repeat(5000), '{"kind":"data","x":1}']) {
    t.throws(() => decodeMark(text as LazyMark), { code: 'ERR_SNAPSHOTTER_LAZY_MARK' });
  }
});
