/** Hosts pull one image that nobody has converted at the same time, each through its own mirror. */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { buildLayout, noise, runChecked, writeTar } from '@shoal/test-kit';
import { digestOfFile } from './mounted-image.ts';
import { type PeerMachine, PeerNetwork } from './peer-network.ts';
import { type Asserting, startAll, type TogetherOptions } from './start-together.ts';

export type PullOptions = Pick<
  TogetherOptions,
  'hosts' | 'seeds' | 'trackers' | 'megabits' | 'program' | 'egressTimesMax'
> & {
  readonly layers: number;
  readonly layerBytes: number;
};

/** Of the image that `pushPlainImage` makes. */
export const REPOSITORY = 'plain/image';
const COPY_MS_MAX = 600_000;

/** Figures go to the comments of the test. Needs skopeo beside what `PeerNetwork` needs. */
export async function pullTogether(t: Asserting, options: PullOptions): Promise<void> {
  const { hosts, seeds, megabits, program, trackers = 0, egressTimesMax } = options;
  const network = await PeerNetwork.open(t, {
    ...{ files: {}, megabits, trackers },
    ...(program === undefined ? {} : { program }),
  });
  const layers = await pushPlainImage(network, options);
  await startAll(network, 'seed', seeds, { isMirror: true });
  const peers = await startAll(network, 'peer', hosts, { isMirror: true });
  const bytesBefore = await network.registryBytes();
  const startedAtMs = Date.now();
  const pulled = await Promise.all(
    peers.map(async (peer) => {
      const directory = join(network.homeOf(peer.name), 'pulled');
      await pull(peer, directory);
      return { directory, seconds: (Date.now() - startedAtMs) / 1000 };
    }),
  );
  const egress = (await network.registryBytes()) - bytesBefore;
  const wrong = pulled.filter(({ directory }) => !layers.every((name) => isRight(directory, name)));
  t.equal(wrong.length, 0, `${hosts} hosts have pulled ${layers.length} layers, every byte right`);
  const bytes = options.layers * options.layerBytes;
  const times = egress / bytes;
  const seconds = pulled.map((each) => each.seconds).sort((a, b) => a - b);
  t.comment(
    `${hosts} hosts, ${seeds} seeds, ${trackers} trackers, links of ${megabits} Mbit/s: ${egress} bytes left the registry, ` +
      `${times.toFixed(2)} times the ${bytes} of the layers; first ${seconds[0]} s, last ${seconds.at(-1)} s`,
  );
  if (egressTimesMax !== undefined)
    t.ok(times <= egressTimesMax, `at most ${egressTimesMax} times`);
}

/** Gives the names of the layers: their digests. */
export async function pushPlainImage(
  network: PeerNetwork,
  { layers, layerBytes }: Pick<PullOptions, 'layers' | 'layerBytes'>,
): Promise<string[]> {
  const tars = Array.from({ length: layers }, (_, number) =>
    writeTar([{ name: `file-${number}`, content: noise(layerBytes, `layer ${number}`) }]),
  );
  const layout = buildLayout({
    directory: network.homeOf('layout'),
    layers: tars.map((tar) => ({ tar, compression: 'none' })),
  });
  const [program = '', ...launcher] = network.registry.launcher;
  const target = `docker://${network.registryHost}/${REPOSITORY}:latest`;
  const copy = ['skopeo', 'copy', '--quiet', '--preserve-digests', '--dest-tls-verify=false'];
  await runChecked(program, [...launcher, ...copy, `oci:${layout}:latest`, target], {
    timeoutMs: COPY_MS_MAX,
  });
  return tars.map((tar) => createHash('sha256').update(tar).digest('hex'));
}

/** Through the host's own mirror. */
export async function pull({ network, status }: PeerMachine, directory: string): Promise<void> {
  const { proxy } = await status();
  const source = `docker://${proxy?.address}/${REPOSITORY}:latest`;
  const [program = '', ...launcher] = network.launcher;
  const copy = ['skopeo', 'copy', '--quiet', '--src-tls-verify=false', source, `dir:${directory}`];
  await runChecked(program, [...launcher, ...copy], { timeoutMs: COPY_MS_MAX });
}

function isRight(directory: string, name: string): boolean {
  const file = join(directory, name);
  return existsSync(file) && digestOfFile(file) === name;
}
