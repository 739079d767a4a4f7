/**
 * Preheats from one end to the other: the command gives an order to a real tracker, three daemons hear of it,
 * those that are chosen fetch the image, and the others do not.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';
import { noise, pushArtifact, type TestScope, temporaryDirectory, until } from '@shoal/test-kit';
import t from 'tap';
import { type MountWorld, mountWorld } from '../support/mounted-image.ts';
import { startOwnTracker } from '../support/own-tracker.ts';
import { PeerAuthority, peerConfigText } from '../support/peer-authority.ts';
import { peerOf } from '../support/peer-world.ts';
import { tryShoal } from '../support/shoal-command.ts';

const IMAGE_BYTES = 3_000_000;
const NAMES = ['node-1', 'node-2', 'node-3'] as const;

t.setTimeout(300_000);

type Shown = {
  readonly id: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly bytesDone: number;
  readonly bytesTotal: number;
  readonly hosts: readonly {
    readonly host: string;
    readonly state: string;
    readonly bytesDone: number;
    readonly bytesTotal: number;
  }[];
};

/** Where hosts connect, and where its page is. */
async function startTracker(t: TestScope, directory: string, authority: PeerAuthority) {
  const tokenFile = join(directory, 'admin-token');
  writeFileSync(tokenFile, 'an-administrator-of-this-test-alone\n', { mode: 0o600 });
  const more = ['--page-listen', '127.0.0.1:0', '--admin-token', tokenFile];
  const home = join(directory, 'tracker');
  return { ...(await startOwnTracker(t, { home, authority, more })), tokenFile };
}

async function startScene(t: TestScope) {
  const directory = temporaryDirectory(t);
  const registry = await EmbeddedRegistry.listen();
  t.teardown(() => registry.close());
  const authority = await PeerAuthority.open(join(directory, 'authority'));
  const tracker = await startTracker(t, directory, authority);
  const hosts = new Map<string, MountWorld>();
  for (const name of NAMES) {
    const home = join(directory, name);
    await authority.issue(home, name, 'peer');
    const configFile = join(home, 'config.toml');
    const known = { seeds: [], trackers: [tracker.hostsUrl], registryHost: registry.host };
    const text = peerConfigText({ home, listen: '127.0.0.1:0', ...known });
    // Without seeds every host is a home; it keeps nothing of what others read where no origin is named.
    writeFileSync(configFile, text.replace(/^origins = .*$/m, 'origins = []'));
    const world = mountWorld(t, { configFile });
    await world.start();
    hosts.set(name, world);
  }
  for (const world of hosts.values()) {
    await until('all hosts know each other', async () => {
      const { hasToken, hosts: known } = await peerOf(world);
      return hasToken && known === NAMES.length;
    });
  }
  const preheat = async (reference: string, ...choice: string[]) => {
    const order = ['--tracker', tracker.pageUrl, '--admin-token', tracker.tokenFile, '--json'];
    return await tryShoal(['preheat', reference, ...order, ...choice]);
  };
  return { registry, tracker, hosts, preheat };
}

type Scene = Awaited<ReturnType<typeof startScene>>;

async function heldBytes({ hosts }: Scene): Promise<ReadonlyMap<string, number>> {
  const held = new Map<string, number>();
  for (const [name, world] of hosts) held.set(name, (await peerOf(world)).store.bytesSettled);
  return held;
}

t.test('the hosts that are chosen hold the image, the others do not', async (t) => {
  const scene = await startScene(t);
  const push = async (tag: string) => {
    const reference = `${scene.registry.host}/team/model:${tag}`;
    await pushArtifact(reference, [{ title: 'weights', content: noise(IMAGE_BYTES, tag) }]);
    return reference;
  };
  /** Names of those that got it; what they say, and what they hold, agree. */
  const ordered = async (tag: string, ...choice: string[]): Promise<string[]> => {
    const reference = await push(tag);
    const before = await heldBytes(scene);
    const { exitCode, stdout, stderr } = await scene.preheat(reference, ...choice);
    t.equal(exitCode, 0, stderr);
    const shown: Shown = JSON.parse(stdout);
    const chosen = shown.hosts.map(({ host }) => host).sort();
    for (const host of shown.hosts) {
      t.match(host, { state: 'done', bytesDone: IMAGE_BYTES, bytesTotal: IMAGE_BYTES }, host.host);
    }
    t.match(shown, {
      counts: { done: chosen.length },
      bytesDone: chosen.length * IMAGE_BYTES,
      bytesTotal: chosen.length * IMAGE_BYTES,
    });
    const after = await heldBytes(scene);
    for (const name of NAMES) {
      const grown = (after.get(name) ?? 0) - (before.get(name) ?? 0);
      t.equal(grown, chosen.includes(name) ? IMAGE_BYTES : 0, `${tag}: ${name} holds ${grown}`);
    }
    return chosen;
  };
  t.same(await ordered('named', '--nodes', 'node-2'), ['node-2']);
  t.equal((await ordered('counted', '--count', '2')).length, 2);
  t.equal((await ordered('part', '--percent', '30')).length, 1, '30 % of three, rounded up');
  t.same(await ordered('all'), [...NAMES]);
  for (const world of scene.hosts.values()) {
    const { store: _, ...others } = (await peerOf(world)).causes;
    for (const [source, { demand, prefetch, background }] of Object.entries(others)) {
      t.same({ demand, prefetch, background }, { demand: 0, prefetch: 0, background: 0 }, source);
    }
  }
});

t.test('an order that nobody waits for, and one that fails', async (t) => {
  const scene = await startScene(t);
  const reference = `${scene.registry.host}/team/model:1`;
  await pushArtifact(reference, [{ title: 'weights', content: noise(IMAGE_BYTES, 'x') }]);
  const given = await scene.preheat(reference, '--no-wait', '--nodes', 'node-1,node-3');
  t.equal(given.exitCode, 0);
  const first: Shown = JSON.parse(given.stdout);
  t.same(
    first.hosts.map(({ host, state }) => [host, state]),
    [
      ['node-1', 'waiting'],
      ['node-3', 'waiting'],
    ],
  );
  const seen: number[] = [];
  await until('both are done', async () => {
    const answer = await fetch(`${scene.tracker.pageUrl}/v1/preheats/${first.id}`);
    const now: Shown = JSON.parse(await answer.text());
    seen.push(now.bytesDone);
    return now.counts['done'] === 2;
  });
  t.same(
    seen,
    seen.toSorted((one, other) => one - other),
    'progress never goes back',
  );
  t.equal(seen.at(-1), 2 * IMAGE_BYTES);

  const missing = `${scene.registry.host}/team/none:1`;
  const failed = await scene.preheat(missing, '--nodes', 'node-2');
  t.equal(failed.exitCode, 1);
  const { hosts, counts }: Shown = JSON.parse(failed.stdout);
  t.match(hosts, [{ host: 'node-2', state: 'failed', message: String }]);
  t.match(counts, { failed: 1 });
});
