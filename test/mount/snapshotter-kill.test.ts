/** `shoal snapshotter` is killed while clients work: what it has answered is there when it is back. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { status } from '@grpc/grpc-js';
import { requireMounts, until } from '@shoal/test-kit';
import t from 'tap';
import { TestClient } from '../../packages/snapshotter/test/support/snapshots-client.ts';
import { startSnapshotter } from '../support/own-snapshotter.ts';

const ROUNDS = 3;
const CLIENTS = 6;
const ANSWERS_BEFORE_KILL = 40;

/** What is known of a key: there, not there, or asked for when the daemon died. */
type State = 'there' | 'gone' | 'unknown';
type Known = Map<string, State>;

type Step = {
  readonly ask: () => Promise<unknown>;
  /** What is known of keys when it has answered. */
  readonly after: Readonly<Record<string, State>>;
};

/** Prepares, commits and removes until the daemon is away; rejects when it answers an error. */
async function work(client: TestClient, prefix: string, known: Known, answered: () => void) {
  for (let n = 0; ; n += 1) {
    const key = `${prefix}-${n}`;
    const committed = `${key}!`;
    const steps: readonly Step[] = [
      { ask: () => client.prepare({ key, parent: 'base' }), after: { [key]: 'there' } },
      {
        ask: () => client.commit({ key, name: committed }),
        after: { [key]: 'gone', [committed]: 'there' },
      },
      { ask: () => client.remove(committed), after: { [committed]: 'gone' } },
    ];
    // Every third is left active, every third committed.
    for (const { ask, after } of steps.slice(0, (n % 3) + 1)) {
      for (const name of Object.keys(after)) known.set(name, 'unknown');
      try {
        await ask();
      } catch (error) {
        if (codeOf(error) === status.UNAVAILABLE) return;
        throw error;
      }
      for (const [name, state] of Object.entries(after)) known.set(name, state);
      answered();
    }
  }
}

async function isThere(client: TestClient, key: string): Promise<boolean> {
  try {
    await client.stat(key);
    return true;
  } catch (error) {
    if (codeOf(error) === status.NOT_FOUND) return false;
    throw error;
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

t.test('killed under load, again and again', async (t) => {
  if (!requireMounts(t)) return;
  const daemon = await startSnapshotter(t);
  const known: Known = new Map();
  const first = new TestClient(daemon.socket);
  await first.prepare({ key: 'base-key' });
  await first.commit({ key: 'base-key', name: 'base' });
  first.close();
  for (let round = 0; round < ROUNDS; round += 1) {
    const client = new TestClient(daemon.socket);
    let answers = 0;
    const workers = Array.from({ length: CLIENTS }, (_, worker) =>
      work(client, `r${round}-w${worker}`, known, () => {
        answers += 1;
      }),
    );
    await until('there is work', () => answers >= ANSWERS_BEFORE_KILL);
    await daemon.stop('SIGKILL');
    await Promise.all(workers);
    client.close();
    await daemon.start();
    const next = new TestClient(daemon.socket);
    t.teardown(() => next.close());
    for (const [key, state] of known) {
      const found = await isThere(next, key);
      if (state === 'unknown') known.set(key, found ? 'there' : 'gone');
      else if (found !== (state === 'there')) t.fail(`${key} was ${state}, and is not`);
    }
    await next.cleanup();
    const listed = await next.list();
    const directories = readdirSync(join(daemon.root, 'snapshots'));
    t.equal(directories.length, listed.length, `round ${round}: a directory for each, no other`);
    for (const { name, kind } of listed.filter((info) => info.name !== 'base')) {
      const mounts = kind === 2 ? await next.mounts(name) : [];
      const upper = mounts[0]?.options.find((option) => option.startsWith('upperdir='));
      if (kind === 2) t.ok(existsSync(upper?.slice(9) ?? ''), `${name} can be mounted`);
    }
  }
});
