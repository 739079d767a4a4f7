/** Ranks of long lists and of hostile names: right, and no slower for it. */
import { byteStringFromText } from '@shoal/rafs';
import t from 'tap';
import { FirstReads, type PrefetchPattern } from '../src/layer/first-reads.ts';
import { PREFETCH_PATTERNS_MAX } from '../src/limits.ts';

t.setTimeout(60_000);
const file = byteStringFromText('a/file');
const patternOf = (path: string, offset: number, length: number): PrefetchPattern => ({
  path,
  part: { offset, length },
});

t.test('parts that overlap: of each byte the first line that has it', async (t) => {
  // Numbers that look random and are the same every time.
  let state = 7;
  const random = (below: number) => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return (state >> 8) % below;
  };
  for (let round = 0; round < 50; round++) {
    const patterns = Array.from({ length: 1 + random(40) }, () =>
      patternOf('/a/file', random(200), random(40)),
    );
    const ranks = new FirstReads(patterns).ranksOf(file);
    const simple = (offset: number, length: number) => {
      const rank = patterns.findIndex(({ part }) => {
        if (part === undefined || part.length === 0) return false;
        return part.offset < offset + length && part.offset + part.length > offset;
      });
      return rank === -1 ? undefined : rank;
    };
    for (let offset = 0; offset < 250; offset += 7) {
      if (ranks?.(offset, 16) !== simple(offset, 16)) t.fail(`round ${round}, at ${offset}`);
    }
  }
  t.pass('as one by one');
});

t.test('a list that names one thing as often as it may costs no more for it', async (t) => {
  const often = Array.from({ length: PREFETCH_PATTERNS_MAX }, (_, index) =>
    index % 2 === 0 ? patternOf('/a/file', index, 1e14) : { path: '/a', part: undefined },
  );
  const reads = new FirstReads(often);
  for (let chunk = 0; chunk < 10_000; chunk++) {
    if (reads.ranksOf(file)?.(chunk * 4096, 4096) !== 0) t.fail(`chunk ${chunk}`);
  }
  t.equal(reads.ranksOf(file)?.(1e13, 4096), 0, 'the first line');
  t.equal(reads.ranksOf(byteStringFromText('a/other'))?.(0, 1), 1, 'the directory');
});

t.test('a file as deep as a path can be costs no more than the list is deep', async (t) => {
  const reads = new FirstReads([{ path: '/x', part: undefined }]);
  const deep = 'x/'.repeat(2000);
  const ranks = Array.from({ length: 1000 }, (_, index) =>
    reads.ranksOf(byteStringFromText(`${deep}${index}`))?.(0, 1),
  );
  t.ok(ranks.every((rank) => rank === 0));
});
