/** What is fetched ahead of readers: in order, bounded, and no longer than it works. */
import { openBootstrap } from '@shoal/rafs';
import t from 'tap';
import { ImagePrefetch, type PrefetchedBlob, prefetchListOf } from '../src/blobs/image-prefetch.ts';
import { PREFETCH_PARALLEL_MAX, PREFETCH_STEP_BYTES } from '../src/limits.ts';
import { emptyBootstrap } from './support/tiny-bootstrap.ts';

const log = () => {
  const lines: string[] = [];
  const add = (_: object, message: string) => void lines.push(message);
  return { lines, sink: { debug: add, info: add, warn: add, error: add } };
};

type Step = { readonly offset: number; readonly length: number };

/** Answers what was asked, when it is told to. */
function heldBlob() {
  const asked: (Step & { readonly settle: (error?: Error) => void })[] = [];
  const blob: PrefetchedBlob = {
    prefetch: (offset, length, signal) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const settle = (error?: Error) => (error === undefined ? resolve() : reject(error));
      signal.addEventListener('abort', () => reject(signal.reason));
      asked.push({ offset, length, settle });
      return promise;
    },
  };
  return { blob, asked };
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const list = Array.from({ length: 20 }, (_, index) => ({
  blobIndex: 0,
  offset: index * PREFETCH_STEP_BYTES,
  length: 4096,
}));

t.test('in the order of the list, a few at a time, until it is told to stop', async (t) => {
  const { blob, asked } = heldBlob();
  const { lines, sink } = log();
  const prefetch = new ImagePrefetch([blob], sink);
  prefetch.start(list);
  await turn();
  t.equal(asked.length, PREFETCH_PARALLEL_MAX);
  asked[1]?.settle();
  await turn();
  t.same(
    asked.map(({ offset }) => offset),
    list.slice(0, PREFETCH_PARALLEL_MAX + 1).map(({ offset }) => offset),
  );
  await prefetch.stop();
  await turn();
  t.equal(asked.length, PREFETCH_PARALLEL_MAX + 1);
  t.same(lines, [], 'nothing to complain about');
});

t.test('the first failure ends it, and is told once', async (t) => {
  const { blob, asked } = heldBlob();
  const { lines, sink } = log();
  const prefetch = new ImagePrefetch([blob], sink);
  prefetch.start(list);
  await turn();
  asked[2]?.settle(new Error('no registry'));
  await turn();
  await prefetch.stop();
  t.equal(asked.length, PREFETCH_PARALLEL_MAX);
  t.equal(lines.length, 1);
});

t.test('an image without a list asks for nothing', async (t) => {
  t.same(prefetchListOf(openBootstrap(emptyBootstrap())), []);
});
