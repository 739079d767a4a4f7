/** What a small hostile layer can make us hold in memory is bounded. */
import { byteString } from '@shoal/rafs';
import t from 'tap';
import { EntryWriter } from '../src/layer/entry-codec.ts';
import { implicitDirectory } from '../src/layer/image-tree.ts';
import { EntryKind, type LayerEntry } from '../src/layer/layer-entry.ts';
import { replayLayer } from '../src/layer/replay-layer.ts';
import { TreeBudget } from '../src/layer/tree-budget.ts';
import { LAYER_RECORD_BYTES_MAX, TAR_GLOBAL_BYTES_MAX } from '../src/limits.ts';
import { formatPaxRecord, mergeGlobal, parsePaxRecords } from '../src/tar/pax.ts';
import { TarDecoder } from '../src/tar/tar-decoder.ts';
import { tarOf } from './support/tar-builder.ts';

const text = (value: string) => byteString(Buffer.from(value));

function entry(path: string, fields: Partial<LayerEntry> = {}): LayerEntry {
  return {
    path: text(path),
    kind: EntryKind.regular,
    mode: 0o644,
    uid: 0,
    gid: 0,
    seconds: 0,
    nanoseconds: 0,
    rdev: 0,
    linkName: text(''),
    xattrs: [],
    size: 0,
    chunks: [],
    ...fields,
  };
}

function records(entries: Iterable<LayerEntry>): Buffer {
  const writer = new EntryWriter('sha256:x');
  for (const one of entries) writer.push(one);
  return writer.finish();
}

function replayed(root = implicitDirectory(), bytesMax = 100_000) {
  const budget = new TreeBudget(root, bytesMax);
  return (bytes: Buffer, number: number, signal = new AbortController().signal) =>
    replayLayer(
      root,
      bytes,
      { layer: `sha256:${number}`, number, chunkOf: (local) => local, onWarning: () => {}, budget },
      signal,
    );
}

t.test('directories that only a path names count', async (t) => {
  const replay = replayed();
  const deep = Array.from({ length: 100 }, (_, n) => entry(`${n}/${'d/'.repeat(50)}f`));
  await t.rejects(replay(records(deep), 1), {
    code: 'ERR_CONVERTER_IMAGE_LIMIT',
    message: /^layer sha256:1: /,
    remedy: /./,
  });
});

t.test('attributes count, and names of one file count once', async (t) => {
  const value = text('v'.repeat(10_000));
  const fat = (path: string) => entry(path, { xattrs: [{ name: text('user.a'), value }] });
  const links = Array.from({ length: 90 }, (_, n) =>
    entry(`l${n}`, { kind: EntryKind.hardlink, linkName: text('0') }),
  );
  await replayed()(records([fat('0'), ...links]), 1);
  const many = Array.from({ length: 12 }, (_, n) => fat(`${n}`));
  await t.rejects(replayed()(records(many), 1), { code: 'ERR_CONVERTER_IMAGE_LIMIT' });
});

t.test('what upper layers replace does not count', async (t) => {
  const root = implicitDirectory();
  const replay = replayed(root);
  const files = Array.from({ length: 120 }, (_, n) => entry(`${n}`));
  for (let number = 1; number <= 20; number++) await replay(records(files), number);
  t.equal(root.children.size, 120);
});

t.test('a signal ends the replay of a long layer', async (t) => {
  const files = records(Array.from({ length: 300_000 }, (_, n) => entry(`${n}`)));
  const stopping = new AbortController();
  const replay = replayed(implicitDirectory(), 2 ** 31)(files, 1, stopping.signal);
  stopping.abort();
  await t.rejects(replay, { name: 'AbortError' });
});

t.test('the records of a layer are bounded', async (t) => {
  const writer = new EntryWriter('sha256:x');
  const value = text('v'.repeat(1 << 24));
  const huge = entry('a', { xattrs: [{ name: text('user.a'), value }] });
  t.throws(
    () => {
      for (let bytes = 0; bytes <= LAYER_RECORD_BYTES_MAX; bytes += value.length) writer.push(huge);
    },
    { code: 'ERR_CONVERTER_IMAGE_LIMIT', message: /^layer sha256:x: / },
  );
});

t.test('PAX global headers are bounded together', async (t) => {
  const half = Buffer.alloc(TAR_GLOBAL_BYTES_MAX / 2);
  const of = (key: string) => {
    const parsed = parsePaxRecords(formatPaxRecord(key, half));
    return typeof parsed === 'string' ? [] : parsed;
  };
  const one = mergeGlobal([], of('a'));
  t.type(one, Array);
  if (typeof one === 'string') return;
  t.type(mergeGlobal(one, of('a')), Array, 'a key again takes the place of the first');
  t.match(mergeGlobal(one, of('b')), /global headers of more than/);
});

t.test('a damaged archive is named', async (t) => {
  const archive = tarOf({ name: 'a' });
  archive[3] = 7;
  const handler = { onEntry() {}, onData() {}, onHole() {}, onEntryEnd() {} };
  t.throws(() => new TarDecoder(handler, 'layer sha256:x').write(archive), {
    code: 'ERR_CONVERTER_TAR_CHECKSUM',
    message: /^layer sha256:x, tar entry /,
  });
});
