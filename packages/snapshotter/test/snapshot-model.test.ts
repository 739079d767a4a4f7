/**
 * Random requests against a small model of containerd's rules: each answer, and the state after a
 * restart, must be the model's. A full disk; many requests at once.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '@shoal/errors';
import { requireMounts, runChecked, temporaryDirectory } from '@shoal/test-kit';
import fc from 'fast-check';
import t from 'tap';
import type { SnapshotKind } from '../src/snapshots/snapshot-record.ts';
import { type SnapshotFixture, snapshotFixture } from './support/snapshot-fixture.ts';

type Entry = { readonly kind: SnapshotKind; readonly parent: string | undefined };
type Model = Map<string, Entry>;
type Request = {
  readonly operation: 'prepare' | 'view' | 'commit' | 'remove' | 'restart';
  readonly key: string;
  readonly name: string;
  readonly parent: string | undefined;
};

const MISSING = 'ERR_SNAPSHOTTER_SNAPSHOT_NOT_FOUND';
const EXISTS = 'ERR_SNAPSHOTTER_SNAPSHOT_EXISTS';
const STATE = 'ERR_SNAPSHOTTER_SNAPSHOT_STATE';
const REQUEST = 'ERR_SNAPSHOTTER_SNAPSHOT_REQUEST';

/** Few names, so that requests meet. */
const name = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'a/b');
const requests = fc.array(
  fc.record({
    operation: fc.constantFrom('prepare', 'view', 'commit', 'commit', 'remove', 'restart'),
    key: name,
    name,
    parent: fc.option(name, { nil: undefined }),
  }),
  { minLength: 10, maxLength: 40 },
) satisfies fc.Arbitrary<Request[]>;

/** Changes the model, or says why not. */
function expected(model: Model, { operation, key, name, parent }: Request): string | undefined {
  const entry = model.get(key);
  if (operation === 'prepare' || operation === 'view') {
    if (parent !== undefined) {
      const kind = model.get(parent)?.kind;
      if (kind === undefined) return MISSING;
      if (kind !== 'committed') return REQUEST;
    }
    if (entry !== undefined) return EXISTS;
    model.set(key, { kind: operation === 'view' ? 'view' : 'active', parent });
    return undefined;
  }
  if (operation === 'restart') return undefined;
  if (entry === undefined) return MISSING;
  return operation === 'remove'
    ? expectedRemove(model, key)
    : expectedCommit(model, { key, entry, name, parent });
}

function expectedRemove(model: Model, key: string): string | undefined {
  if ([...model.values()].some(({ parent }) => parent === key)) return STATE;
  model.delete(key);
  return undefined;
}

function expectedCommit(
  model: Model,
  { key, entry, name, parent }: Omit<Request, 'operation'> & { readonly entry: Entry },
): string | undefined {
  if (entry.kind !== 'active') return STATE;
  if (model.has(name)) return EXISTS;
  if (entry.parent === undefined && parent !== undefined) {
    const kind = model.get(parent)?.kind;
    if (kind === undefined) return MISSING;
    if (kind !== 'committed') return STATE;
  } else if (parent !== undefined && parent !== entry.parent) return REQUEST;
  model.delete(key);
  model.set(name, { kind: 'committed', parent: entry.parent ?? parent });
  return undefined;
}

async function ask(fixture: SnapshotFixture, request: Request): Promise<string | undefined> {
  const { operation, key, name, parent } = request;
  try {
    if (operation === 'prepare') await fixture.prepare(key, parent);
    else if (operation === 'view') await fixture.view(key, parent);
    else if (operation === 'remove') await fixture.service.remove(key);
    else if (operation === 'commit') {
      await fixture.commit(name, key, parent === undefined ? {} : { parent });
    }
    return undefined;
  } catch (error) {
    return errorCode(error) ?? String(error);
  }
}

async function stateOf(fixture: SnapshotFixture): Promise<Model> {
  const snapshots = await fixture.list();
  return new Map(snapshots.map(({ name, kind, parent }) => [name, { kind, parent }]));
}

const sorted = (model: Model) => [...model].toSorted(([a], [b]) => (a < b ? -1 : 1));

t.test('random requests are answered as the model answers them', async (t) => {
  const property = fc.asyncProperty(requests, async (all) => {
    const model: Model = new Map();
    let fixture = await snapshotFixture(t);
    for (const request of all) {
      const code = expected(model, request);
      const answer = await ask(fixture, request);
      if (answer !== code) throw new Error(`${JSON.stringify(request)}: ${answer}, not ${code}`);
      if (request.operation === 'restart') fixture = await fixture.reopened();
    }
    const found = sorted(await stateOf(await fixture.reopened()));
    if (JSON.stringify(found) !== JSON.stringify(sorted(model))) {
      throw new Error(`${JSON.stringify(found)} is not ${JSON.stringify(sorted(model))}`);
    }
  });
  await fc.assert(property, { numRuns: 25, endOnFailure: true });
  t.pass('they are');
});

t.test('requests at the same time: of each name one wins, and parents stay', async (t) => {
  const fixture = await snapshotFixture(t);
  await fixture.layer('A');
  const tries = Array.from({ length: 60 }, (_, n) => n % 20);
  const made = await Promise.all(
    tries.map((n) => ask(fixture, { operation: 'prepare', key: `k${n}`, name: '', parent: 'A' })),
  );
  t.equal(made.filter((code) => code === undefined).length, 20);
  t.equal(made.filter((code) => code === EXISTS).length, 40);
  const raced = await Promise.all([
    ...tries.slice(0, 20).map((n) => ask(fixture, commitOf(`k${n}`, 'B'))),
    ask(fixture, { operation: 'remove', key: 'A', name: '', parent: undefined }),
  ]);
  t.equal(raced.filter((code) => code === undefined).length, 1, 'one commit, and no removal');
  t.equal((await fixture.list('parent==A')).length, 20);
});

const commitOf = (key: string, name: string): Request => ({
  ...{ operation: 'commit', key, name, parent: undefined },
});

t.test(
  'a full disk: an error of its own, nothing half made, and all is well afterwards',
  async (t) => {
    if (!requireMounts(t)) return;
    const directory = temporaryDirectory(t);
    await runChecked('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'small', directory]);
    t.teardown(() => runChecked('umount', ['-l', directory]));
    const fixture = await snapshotFixture(t, undefined, join(directory, 'root'));
    await fixture.layer('A');
    const filler = join(directory, 'filler');
    let failed: string | undefined;
    for (let n = 0; failed === undefined && n < 500; n += 1) {
      writeUntilFull(filler);
      failed = await ask(fixture, {
        ...{ operation: 'prepare', key: `k${n}`, name: '', parent: 'A' },
      });
    }
    t.equal(failed, 'ERR_SNAPSHOTTER_DISK_FULL');
    const before = (await fixture.list()).length;
    rmSync(filler);
    await fixture.prepare('after', 'A');
    await fixture.service.cleanup();
    const again = await fixture.reopened();
    t.equal((await again.list()).length, before + 1);
  },
);

function writeUntilFull(path: string): void {
  try {
    writeFileSync(path, Buffer.alloc(1 << 20), { flag: 'a' });
  } catch (error) {
    if (errorCode(error) !== 'ENOSPC') throw error;
  }
}
