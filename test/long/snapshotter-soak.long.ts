/**
 * Containers created, started and removed by containerd 1.6 over `shoal snapshotter`, converted and
 * ordinary images in turn, while the snapshotter is killed with SIGKILL at random moments: every
 * container prints what it should, nothing stays behind, and both sides agree at the end.
 *
 * SHOAL_SOAK_CYCLES sets the number (default 2000), SHOAL_SOAK_SEED the moments.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { requireTool, temporaryDirectory, until } from '@shoal/test-kit';
import t, { type Test } from 'tap';
import { buildBusyboxLayout, OUTPUT, pushLayout } from '../containerd/support/busybox-image.ts';
import { containerName, removeEverything } from '../containerd/support/containers.ts';
import { type Installation, startRelease } from '../containerd/support/releases.ts';
import { startDockerRegistry } from '../support/docker-registry.ts';
import { formatFootprint, leftBehind, quietFootprint } from '../support/footprint.ts';
import { type OwnSnapshotter, startSnapshotter } from '../support/own-snapshotter.ts';
import { runShoal } from '../support/shoal-command.ts';

const CYCLES = Number(process.env['SHOAL_SOAK_CYCLES'] ?? 2000);
const SEED = Number(process.env['SHOAL_SOAK_SEED'] ?? 1);
/** One kill in so many cycles, at a random moment of the cycle. */
const CYCLES_PER_KILL = 20;
const CYCLE_MS = 500;
const WARM_UP_CYCLES = 20;
const TRIES_MAX = 10;
const RECONNECT_MS = 1000;
/** After a kill: containerd waits a few seconds before it connects again, and refuses meanwhile. */
const EXCUSED_MS = 15_000;
/** What a garbage-collected process may have grown by when nothing leaks. */
const GROWTH_BYTES_MAX = 64 << 20;

t.setTimeout(7_200_000);

t.test(`${CYCLES} containers while the snapshotter is killed`, async (t) => {
  if (!requireTool(t, 'docker-registry', 'skopeo', 'busybox')) return;
  const directory = temporaryDirectory(t);
  const registry = await startDockerRegistry(t, join(directory, 'registry'));
  const snapshotter = await startSnapshotter(t);
  const containerd = await startRelease(t, '1.6', snapshotter);
  if (containerd === undefined) return;
  const layout = buildBusyboxLayout(join(directory, 'layout'));
  const ordinary = `${registry.host}/soak/ordinary:latest`;
  const lazy = `${registry.host}/soak/lazy:latest`;
  await pushLayout(layout, ordinary);
  await runShoal(['convert', '--source', `oci:${layout}:latest`, '--target', lazy]);
  for (const image of [ordinary, lazy]) await containerd.client(['pull', image]);
  const soak = new Soak(containerd, snapshotter, [lazy, ordinary]);
  await soak.run(t, WARM_UP_CYCLES, false);
  // Daemons compare that were started alike: each after the death of another.
  await soak.kill();
  await soak.run(t, WARM_UP_CYCLES, false);
  const before = await quietFootprint(pidOf(snapshotter));
  const killed = await soak.run(t, CYCLES, true);
  await soak.run(t, WARM_UP_CYCLES, false);
  const restarted = await quietFootprint(pidOf(snapshotter));
  await soak.run(t, Math.ceil(CYCLES / 4), false);
  const after = await quietFootprint(pidOf(snapshotter));
  t.comment(`${CYCLES} cycles, ${killed} kills, ${soak.retried} requests tried again`);
  for (const [name, found] of Object.entries({ before, restarted, after })) {
    t.comment(`${name}: ${formatFootprint(found)}`);
  }
  for (const [earlier, later] of [
    [before, restarted],
    [restarted, after],
  ] as const) {
    t.same(leftBehind(earlier, later), {}, 'descriptors and threads');
    t.ok(later.residentBytes <= earlier.residentBytes + GROWTH_BYTES_MAX, 'memory');
  }
  await agree(t, containerd, snapshotter, lazy);
  await removeEverything(t, containerd, snapshotter);
});

class Soak {
  readonly #containerd: Installation;
  readonly #snapshotter: OwnSnapshotter;
  readonly #images: readonly string[];
  #state = SEED;
  #excusedUntilMs = 0;
  retried = 0;

  constructor(containerd: Installation, snapshotter: OwnSnapshotter, images: readonly string[]) {
    this.#containerd = containerd;
    this.#snapshotter = snapshotter;
    this.#images = images;
  }

  /** The number of kills. */
  async run(t: Test, cycles: number, isKilling: boolean): Promise<number> {
    let kills = 0;
    const wrong: string[] = [];
    for (let cycle = 0; cycle < cycles; cycle++) {
      const image = this.#images[cycle % this.#images.length] ?? '';
      const isKilled = isKilling && this.#random() % CYCLES_PER_KILL === 0;
      const killing = isKilled ? this.#killSoon() : undefined;
      const output = await this.#output(image, killing);
      if (output !== OUTPUT) wrong.push(`${cycle}, ${image}: ${JSON.stringify(output)}`);
      await killing;
      if (isKilled) kills += 1;
    }
    t.same(wrong, [], `every one of ${cycles} containers printed what it should`);
    return kills;
  }

  /**
   * What a container of the image prints. A request that a kill cut off, or that came just after it,
   * fails; the client asks again.
   */
  async #output(image: string, killing: Promise<void> | undefined): Promise<string> {
    for (let attempt = 1; ; attempt++) {
      const { exitCode, stdout, stderr } = await this.#containerd.tryClient([
        ...['run', image, containerName()],
      ]);
      if (exitCode === 0) return stdout;
      const isExcused = killing !== undefined || performance.now() < this.#excusedUntilMs;
      if (!isExcused || attempt === TRIES_MAX) {
        throw new Error(`${image}: ${exitCode}\n${stderr}`);
      }
      this.retried += 1;
      await killing;
      await sleep(RECONNECT_MS);
    }
  }

  async #killSoon(): Promise<void> {
    await sleep(this.#random() % CYCLE_MS);
    await this.kill();
  }

  async kill(): Promise<void> {
    await this.#snapshotter.stop('SIGKILL');
    await this.#snapshotter.start();
    // Its socket outlives a daemon: connections wait there for the next one.
    const ready = `"pid":${pidOf(this.#snapshotter)},"event":"ready"`;
    await until('the snapshotter is ready', () => this.#snapshotter.log().includes(ready));
    this.#excusedUntilMs = performance.now() + EXCUSED_MS;
  }

  /** A number of 16 bits: a linear congruential generator, so that a seed repeats the moments. */
  #random(): number {
    this.#state = (Math.imul(this.#state, 1_103_515_245) + 12_345) >>> 0;
    return this.#state >>> 16;
  }
}

function pidOf({ pid }: OwnSnapshotter): number {
  if (pid === undefined) throw new Error('the snapshotter does not run');
  return pid;
}

/** Once containerd has collected what failed attempts left, both know the same snapshots. */
async function agree(
  t: Test,
  containerd: Installation,
  snapshotter: OwnSnapshotter,
  image: string,
): Promise<void> {
  const giveUpAt = performance.now() + 120_000;
  let [known, kept] = [0, 0];
  do {
    // containerd collects when an image goes, and snapshots only after one of them went.
    await containerd.client(['run', image, containerName()]);
    await containerd.ctr(['images', 'tag', '--force', image, 'soak/passing:latest']);
    await containerd.ctr(['images', 'remove', '--sync', 'soak/passing:latest']);
    const { stdout } = await containerd.ctr(['snapshots', '--snapshotter', 'shoal', 'list']);
    known = stdout.trim().split('\n').length - 1;
    kept = readdirSync(join(snapshotter.root, 'snapshots')).length;
    if (known !== kept) await sleep(500);
  } while (known !== kept && performance.now() < giveUpAt);
  t.equal(kept, known, `${known} snapshots on both sides`);
}
