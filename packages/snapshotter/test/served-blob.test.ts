/** Miss policies: a reader gets bytes, waits, or gets an error; never something else. */
import { ShoalError } from '@shoal/errors';
import t from 'tap';
import type { MissPolicy } from '../src/blobs/blob-types.ts';
import { RecentFailures } from '../src/blobs/recent-failures.ts';
import { policyKey, ServedBlob } from '../src/blobs/served-blob.ts';
import { RECENT_FAILURE_MS, RECENT_FAILURES_MAX } from '../src/limits.ts';
import { silentLog } from '../src/service-log.ts';
import { cachedBlob, type Ensure } from './support/cached-blob.ts';

class Hiccup extends ShoalError {
  override readonly code = 'ERR_TEST_HICCUP';
}

function served(policy: MissPolicy, ensure: Ensure): ServedBlob {
  return new ServedBlob('name', cachedBlob(ensure), policy, { log: silentLog });
}

function demand(signal = new AbortController().signal) {
  return { priority: 'demand', signal } as const;
}

t.test('wait: failures that heal are waited for', async (t) => {
  let calls = 0;
  const blob = served({ kind: 'wait' }, () => {
    calls += 1;
    if (calls < 3) return Promise.reject(new Hiccup('the link is down', { retryable: true }));
    return Promise.resolve(undefined);
  });
  t.equal(await blob.ensure(0, 4096, demand()), undefined);
  t.equal(calls, 3);
  t.match(blob.status(), { errors: 0, waiting: 0, misses: { count: 1 } });
});

t.test('wait: failures that cannot heal are errors, and the status says why', async (t) => {
  const blob = served({ kind: 'wait' }, () => Promise.reject(new Hiccup('no such blob')));
  await t.rejects(blob.ensure(0, 4096, demand()), { code: 'ERR_TEST_HICCUP' });
  t.match(blob.status(), {
    errors: 1,
    lastError: { code: 'ERR_TEST_HICCUP', reason: 'no such blob', count: 1 },
  });
});

t.test('wait: credentials and certificates that have ended are waited for', async (t) => {
  for (const code of ['ERR_REGISTRY_CLIENT_UNAUTHORIZED', 'ERR_REGISTRY_CLIENT_TLS']) {
    let calls = 0;
    const blob = served({ kind: 'wait' }, () => {
      calls += 1;
      const ended = Object.assign(new Error('ended'), { code });
      return calls < 2 ? Promise.reject(ended) : Promise.resolve(undefined);
    });
    t.equal(await blob.ensure(0, 4096, demand()), undefined);
    t.match(blob.status(), { errors: 0, waiting: 0 }, code);
  }
});

t.test('wait: who gives up is gone at once', async (t) => {
  const blob = served({ kind: 'wait' }, () =>
    Promise.reject(new Hiccup('the link is down', { retryable: true })),
  );
  const controller = new AbortController();
  const reading = blob.ensure(0, 4096, demand(controller.signal));
  controller.abort();
  await t.rejects(reading);
  t.match(blob.status(), { errors: 0, waiting: 0 });
});

t.test('wait: a source that goes on lying is an error', async (t) => {
  class Corrupt extends ShoalError {
    override readonly code = 'ERR_BLOB_STORE_CHUNK_CORRUPT';
  }
  const blob = served({ kind: 'wait' }, () =>
    Promise.reject(new Corrupt('another digest', { retryable: true })),
  );
  await t.rejects(blob.ensure(0, 4096, demand()), { code: 'ERR_BLOB_STORE_CHUNK_CORRUPT' });
});

t.test('fail: the first failure is the answer', async (t) => {
  let calls = 0;
  const blob = served({ kind: 'fail' }, () => {
    calls += 1;
    return Promise.reject(new Hiccup('the link is down', { retryable: true }));
  });
  await t.rejects(blob.ensure(0, 4096, demand()), { code: 'ERR_TEST_HICCUP' });
  t.equal(calls, 1);
});

t.test('deadline: an error when it has passed, with the reason of the wait', async (t) => {
  const blob = served({ kind: 'deadline', timeoutMs: 300 }, () =>
    Promise.reject(new Hiccup('the link is down', { retryable: true })),
  );
  await t.rejects(blob.ensure(0, 4096, demand()), {
    code: 'ERR_SNAPSHOTTER_MISS_FAILED',
    message: /within 300 ms: the link is down/,
  });
  t.equal(blob.status().errors, 1);
});

t.test('deadline: it ends a fetch that hangs', async (t) => {
  const blob = served(
    { kind: 'deadline', timeoutMs: 50 },
    (_offset, _length, options) =>
      new Promise((_resolve, reject) => {
        options?.signal?.addEventListener('abort', () => reject(options.signal?.reason));
      }),
  );
  await t.rejects(blob.ensure(0, 4096, demand()), { code: 'ERR_SNAPSHOTTER_MISS_FAILED' });
});

t.test('bytes of a full disk are passed on', async (t) => {
  const bytes = new Uint8Array([1, 2, 3]);
  const blob = served({ kind: 'wait' }, () => Promise.resolve(bytes));
  t.equal(await blob.ensure(0, 3, demand()), bytes);
});

t.test('equal policies have equal keys', (t) => {
  t.equal(policyKey({ kind: 'wait' }), 'wait');
  t.equal(policyKey({ kind: 'deadline', timeoutMs: 5 }), 'd5');
  t.end();
});

t.test('deadline: the kernel asks twice for one reader, who waits once', async (t) => {
  const now = performance.now();
  // The clock by which failures are forgotten: a slow machine takes no longer than another.
  t.intercept(performance, 'now', { value: () => now });
  let calls = 0;
  const blob = served({ kind: 'deadline', timeoutMs: 20 }, (_offset, _length, options) => {
    calls += 1;
    return new Promise((_resolve, reject) => {
      options?.signal?.addEventListener('abort', () => reject(new Error('given up')));
    });
  });
  const late = { code: 'ERR_SNAPSHOTTER_MISS_FAILED', message: /no bytes within 20 ms/ };
  await t.rejects(blob.ensure(0, 4096, demand()), late);
  await t.rejects(blob.ensure(2048, 1024, demand()), late);
  t.equal(calls, 1, 'the second attempt was answered from the first');
  await t.rejects(blob.ensure(4096, 1024, demand()), late);
  t.equal(calls, 2, 'other bytes have their own time');
});

t.test('what failed is forgotten soon', async (t) => {
  let nowMs = 0;
  const failures = new RecentFailures(() => nowMs);
  const error = new Error('late');
  failures.add(100, 50, error);
  t.equal(failures.find(149, 10), error);
  t.equal(failures.find(150, 10), undefined);
  t.equal(failures.find(0, 100), undefined);
  nowMs = RECENT_FAILURE_MS + 1;
  t.equal(failures.find(100, 50), undefined);
  for (let at = 0; at < 2 * RECENT_FAILURES_MAX; at += 1) failures.add(at, 1, error);
  t.equal(failures.find(0, 1), undefined, 'their number is bounded');
  t.equal(failures.find(2 * RECENT_FAILURES_MAX - 1, 1), error);
});
