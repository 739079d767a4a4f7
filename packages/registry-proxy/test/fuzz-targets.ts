/** Decoders of what clients and upstreams say. */
import type { FuzzTarget } from '@shoal/test-kit';
import { parseByteRange } from '../src/request/byte-range.ts';
import { parseTarget } from '../src/request/target.ts';
import { nextVia } from '../src/request/via.ts';
import { nextPageLink } from '../src/routes/next-page.ts';
import { Router } from '../src/upstream/router.ts';
import { Upstream } from '../src/upstream/upstream.ts';

const ID = '0'.repeat(16);
const upstream = new Upstream({ name: 'registry.test:5000' }, ID, () => 0);
const router = new Router([upstream], undefined);

/** The repository that a target leads to has to be one that can stand in a path as it is. */
function route(text: string): void {
  const target = parseTarget(text);
  if (!('name' in target)) return;
  const found = router.find(target);
  if (found.kind === 'refusal') return;
  if (!/^[a-z0-9._/-]+$/.test(found.repository) || /\/\/|\.\./.test(found.repository)) {
    throw new Error(`led to the repository ${JSON.stringify(found.repository)}`);
  }
}

export const fuzzTargets: readonly FuzzTarget[] = [
  {
    name: 'target',
    samples: () =>
      [
        '/v2/registry.test:5000/a/b/manifests/v1?ns=registry.test:5000',
        `/v2/a-b__c/d.e/blobs/sha256:${'a'.repeat(64)}`,
        '/v2/a/tags/list?n=5&last=x',
        'http://registry.test:5000/v2/a/manifests/v1',
      ].map((text) => Buffer.from(text)),
    run: (input) => route(input.toString('latin1')),
  },
  {
    name: 'byte-range',
    samples: () => ['bytes=0-5', 'bytes=-5', 'bytes=7-'].map((text) => Buffer.from(text)),
    run: (input) => {
      const span = parseByteRange(input.toString('latin1'), 1000);
      if (span === undefined || span === 'outside') return;
      const isInside = span.start >= 0 && span.start < span.end && span.end <= 1000;
      if (!isInside) throw new Error(`a span of ${span.start} to ${span.end}`);
    },
  },
  {
    name: 'via',
    samples: () => [Buffer.from(`${'1'.repeat(16)}, ${'2'.repeat(16)}`)],
    run: (input) => nextVia({ 'x-shoal-via': input.toString('latin1') }, ID),
  },
  {
    name: 'next-page',
    samples: () => [Buffer.from('</v2/a/b/tags/list?last=x&n=2>; rel="next"')],
    run: (input) => {
      const found = {
        kind: 'route',
        upstream,
        repository: 'a/b',
        prefix: '',
        namespace: 'x',
        namedBy: 'query',
      } as const;
      const link = nextPageLink(input.toString('latin1'), {
        upstream,
        repository: 'a/b',
        route: found,
      });
      if (link !== undefined && !link.startsWith('</v2/a/b/')) throw new Error(link);
    },
  },
];
