/**
 * The daemon is killed at every boundary of every request: before and after its durable write, before
 * and after its reply. What was answered is there when it is back, what was not is there whole or not
 * at all, by the side of the write it died on.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { digestOf, requireMounts } from '@shoal/test-kit';
import t from 'tap';
import { TestClient } from '../../packages/snapshotter/test/support/snapshots-client.ts';
import { BOUNDARIES, type Boundary, startMortalSnapshotter } from '../support/boundaries.ts';

t.setTimeout(600_000);

type Request = {
  readonly method: string;
  readonly ask: (client: TestClient, key: string) => Promise<unknown>;
  /** What it adds to the records and what it takes away, by name; nothing: it only reads. */
  readonly adds?: (key: string) => string;
  readonly removes?: (key: string) => string;
  /** What a second request of the same says when the first one was done. */
  readonly again?: status;
  /** Of the reply, when it is an error by design. */
  readonly code?: status;
};

const labels = (fields: Readonly<Record<string, string>>) => new Map(Object.entries(fields));
const layer = (key: string) => ({
  key: `default/1/extract-1 ${key}`,
  labels: labels({
    'containerd.io/snapshot.ref': digestOf(Buffer.from(key)),
    'containerd.io/snapshot/cri.layer-digest': digestOf(Buffer.from(key)),
    'containerd.io/snapshot/nydus-blob': 'true',
  }),
});

/** Before each of them there are `base`, `KEY-active` and `KEY-done`. */
const REQUESTS: readonly Request[] = [
  {
    method: 'Prepare',
    ask: (client, key) => client.prepare({ key, parent: 'base' }),
    adds: (key) => `${key} 2`,
    again: status.ALREADY_EXISTS,
  },
  {
    method: 'Prepare',
    // A layer that is not fetched: committed at once.
    ask: (client, key) => client.prepare(layer(key)),
    adds: (key) => `lazy ${digestOf(Buffer.from(key))} 3`,
    again: status.ALREADY_EXISTS,
    code: status.ALREADY_EXISTS,
  },
  {
    method: 'View',
    ask: (client, key) => client.view({ key, parent: 'base' }),
    adds: (key) => `${key} 1`,
    again: status.ALREADY_EXISTS,
  },
  {
    method: 'Commit',
    ask: (client, key) => client.commit({ key: `${key}-active`, name: key }),
    adds: (key) => `${key} 3`,
    removes: (key) => `${key}-active 2`,
    again: status.NOT_FOUND,
  },
  {
    method: 'Update',
    ask: (client, key) =>
      client.update({ info: { name: `${key}-done`, labels: labels({ x: 'y' }) } }),
    adds: (key) => `${key}-done 3 x`,
    removes: (key) => `${key}-done 3`,
  },
  {
    method: 'Remove',
    ask: (client, key) => client.remove(`${key}-done`),
    removes: (key) => `${key}-done 3`,
    again: status.NOT_FOUND,
  },
  { method: 'Mounts', ask: (client, key) => client.mounts(`${key}-active`) },
  { method: 'Stat', ask: (client, key) => client.stat(`${key}-done`) },
  { method: 'List', ask: (client) => client.list() },
  { method: 'Usage', ask: (client, key) => client.usage(`${key}-active`) },
  { method: 'Cleanup', ask: (client) => client.cleanup() },
];

/** Name, kind and labels of every record; names that the daemon gave itself without their number. */
async function recordsOf(client: TestClient): Promise<string[]> {
  const infos = await client.list();
  return infos
    .map(({ name, kind, labels: all }) => {
      const own = name.replace(/^lazy\/\d+\//, 'lazy ');
      return `${own} ${kind} ${all.has('x') ? 'x' : ''}`.trim();
    })
    .toSorted();
}

function expectedAfter(before: readonly string[], request: Request, key: string, isDone: boolean) {
  if (!isDone) return before;
  const gone = request.removes?.(key);
  const added = request.adds?.(key);
  const left = before.filter((record) => record !== gone);
  return [...left, ...(added === undefined ? [] : [added])].toSorted();
}

/** What the first answer of a request must be when the daemon dies there. */
function expectedAnswer({ code }: Request, boundary: Boundary): number | 'OK' {
  if (boundary !== 'after-reply') return status.UNAVAILABLE;
  return code ?? 'OK';
}

async function answerOf(asked: Promise<unknown>): Promise<unknown> {
  try {
    await asked;
    return 'OK';
  } catch (error) {
    return error instanceof Error && 'code' in error ? error.code : error;
  }
}

t.test('killed at every boundary of every request', async (t) => {
  if (!requireMounts(t)) return;
  const daemon = await startMortalSnapshotter(t);
  let client = new TestClient(daemon.socket);
  t.teardown(() => client.close());
  await client.prepare({ key: 'base-key' });
  await client.commit({ key: 'base-key', name: 'base' });
  let number = 0;
  for (const request of REQUESTS) {
    const { method, ask, again } = request;
    const isReading = request.adds === undefined && request.removes === undefined;
    for (const boundary of isReading ? BOUNDARIES.slice(2) : BOUNDARIES) {
      number += 1;
      const key = `key-${number}`;
      const what = `${method} ${boundary}`;
      await client.prepare({ key: `${key}-active`, parent: 'base' });
      await client.prepare({ key: `${key}-below`, parent: 'base' });
      await client.commit({ key: `${key}-below`, name: `${key}-done` });
      const before = await recordsOf(client);
      daemon.cut(method, boundary);
      t.equal(await answerOf(ask(client, key)), expectedAnswer(request, boundary), what);
      if (!(await daemon.hasDied())) throw new Error(`${what}: it did not die`);
      client.close();
      await daemon.start();
      client = new TestClient(daemon.socket);
      const isDone = !isReading && boundary !== 'before-write';
      t.same(
        await recordsOf(client),
        expectedAfter(before, request, key, isDone),
        `${what}: records`,
      );
      const repeated = isDone ? (again ?? 'OK') : (request.code ?? 'OK');
      t.equal(await answerOf(ask(client, key)), repeated, `${what}: asked again`);
      t.same(
        await recordsOf(client),
        expectedAfter(before, request, key, true),
        `${what}: at last`,
      );
      await client.cleanup();
      const directories = readdirSync(join(daemon.root, 'snapshots'));
      t.equal(directories.length, (await client.list()).length, `${what}: a directory for each`);
    }
  }
});
