/** The process dies at every step of every operation: what answered is kept, the rest is undone. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import { snapshotFixture } from './support/snapshot-fixture.ts';

type Tap = Parameters<typeof temporaryDirectory>[0];

const CHILD = fileURLToPath(new URL('./support/crash-child.ts', import.meta.url));
/** At a time: the machine has few processors. */
const PARALLEL = 3;

/** What is recorded after each operation: name to kind, labels counted. */
const STATES: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
  ['', {}],
  ['prepare a', { a: 'active' }],
  ['commit A', { A: 'committed' }],
  ['prepare b', { A: 'committed', b: 'active' }],
  ['view v', { A: 'committed', b: 'active', v: 'view' }],
  ['update b', { A: 'committed', b: 'active+1', v: 'view' }],
  ['remove v', { A: 'committed', b: 'active+1' }],
  ['remove b', { A: 'committed' }],
];

async function runChild(root: string, killAt: number): Promise<string[]> {
  const child = spawn(process.execPath, [CHILD, root, String(killAt)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (text) => {
    output += String(text);
  });
  await new Promise((resolve) => child.once('close', resolve));
  return output.split('\n').filter((line) => line !== '');
}

async function checkCrash(t: Tap & typeof import('tap').default, killAt: number): Promise<void> {
  const root = join(temporaryDirectory(t), 'root');
  const answered = await runChild(root, killAt);
  const index = answered.length;
  const fixture = await snapshotFixture(t, undefined, root);
  const snapshots = await fixture.list();
  const found = Object.fromEntries(
    snapshots.map(({ name, kind, labels }) => {
      const count = Object.keys(labels).length;
      return [name, count === 0 ? kind : `${kind}+${count}`];
    }),
  );
  const [, before] = STATES[index] ?? [];
  const [, after] = STATES[index + 1] ?? [];
  const isEither = [before, after].some((state) => JSON.stringify(state) === JSON.stringify(found));
  t.ok(isEither, `step ${killAt}, after ${answered.at(-1) ?? 'nothing'}: ${JSON.stringify(found)}`);
  await fixture.service.cleanup();
  const ids = snapshots.map(({ id }) => String(id)).toSorted();
  t.same(readdirSync(join(root, 'snapshots')).toSorted(), ids, 'a directory for each record only');
  for (const { id, kind } of snapshots) {
    t.ok(existsSync(join(root, 'snapshots', String(id), 'fs')));
    t.equal(existsSync(join(root, 'snapshots', String(id), 'work')), kind !== 'view');
  }
  await fixture.layer('next', snapshots.some(({ name }) => name === 'A') ? 'A' : undefined);
}

t.test('killed at every step', async (t) => {
  const [, last = ''] = (await runChild(join(temporaryDirectory(t), 'root'), 0)).slice(-2);
  const steps = Number(/^steps (\d+)$/.exec(last)?.[1]);
  t.ok(steps > 15, `${steps} steps`);
  const left = Array.from({ length: steps }, (_, index) => index + 1);
  const work = async () => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      await checkCrash(t as never, next);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
});
