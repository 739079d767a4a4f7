/**
 * One image to many hosts at once: by pulls from the registry, by the same pulls through the mirrors of
 * hosts that share, and converted, mounted and read whole. Each host is a network namespace with a link
 * of its own and a release's daemon; the registry's link is as fast as theirs, and is what runs short.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildLayout, noise, runChecked, writeTar } from '@shoal/test-kit';
import type { NetworkHost } from '../../test/support/host-network.ts';
import { digestBySha256sum, digestOfFile } from '../../test/support/mounted-image.ts';
import { type PeerMachine, PeerNetwork } from '../../test/support/peer-network.ts';
import { startAll } from '../../test/support/start-together.ts';
import type { Row, ScenarioResult } from '../harness/report.ts';
import { compareRows } from '../harness/report.ts';
import type { Scenario, ScenarioOptions } from '../harness/scenario.ts';
import { BenchScope } from '../harness/scope.ts';
import { stageOwnRelease } from '../harness/staged-release.ts';

export const fanOutScenario: Scenario = {
  summary: 'one image to many hosts: pulls, pulls through peers, mounts: time and registry bytes',
  runs: 1,
  run,
};

const MEGABITS = 1000;
const SEEDS = 1;
const PLAIN = 'plain/image';
const MINUTES_MAX = 20;

type Size = { readonly hosts: number; readonly files: number; readonly fileBytes: number };
type Spread = { readonly seconds: number; readonly registryBytes: number };

async function run(options: ScenarioOptions, directory: string): Promise<ScenarioResult> {
  const size: Size = options.isSmall
    ? { hosts: 2, files: 4, fileBytes: 1_000_000 }
    : { hosts: 8, files: 64, fileBytes: 16_000_000 };
  const program = await stageOwnRelease(join(directory, 'release'));
  const spreads = new Map<string, Spread>();
  for (const [name, spread] of WAYS) {
    options.say(`${size.hosts} hosts: ${name}`);
    await using scope = new BenchScope();
    spreads.set(name, await spread(scope, program, size));
  }
  const imageBytes = size.files * size.fileBytes;
  const { hosts } = size;
  return {
    parameters: { hosts, seeds: SEEDS, 'image bytes': imageBytes, 'Mbit/s of each link': MEGABITS },
    rows: rowsOf(spreads, imageBytes, hosts),
    notes: [
      'All hosts share the processors of this machine, so with peers the processors are what runs short; pulls wait for the link of the registry alone.',
      'Pulls are `skopeo copy` into a directory, every layer compared with its digest; of the mounted image every file is read and compared.',
      'Bytes of the registry are counted at its interface, headers of all layers included.',
    ],
  };
}

const WAYS: readonly (readonly [
  name: string,
  spread: (scope: BenchScope, program: string, size: Size) => Promise<Spread>,
])[] = [
  ['pulls from the registry', (scope, program, size) => pulls(scope, program, size, false)],
  ['pulls through mirrors that share', (scope, program, size) => pulls(scope, program, size, true)],
  ['mounted, all of it read', mounts],
];

async function pulls(
  scope: BenchScope,
  program: string,
  size: Size,
  isShared: boolean,
): Promise<Spread> {
  const network = await PeerNetwork.open(scope, { files: {}, megabits: MEGABITS, program });
  await pushPlain(network, size);
  if (!isShared) {
    const hosts = await Promise.all(Array.from({ length: size.hosts }, () => network.addMachine()));
    return await spreadOver(network, hosts, (host, index) =>
      pull(host, network.registryHost, network.homeOf(`pulled-${index}`)),
    );
  }
  const peers = await startHosts(network, size, true);
  return await spreadOver(network, peers, async (peer, index) => {
    const { proxy } = await peer.status();
    await pull(peer.network, proxy?.address ?? '', network.homeOf(`pulled-${index}`));
  });
}

async function mounts(scope: BenchScope, program: string, size: Size): Promise<Spread> {
  const names = Array.from({ length: size.files }, (_, number) => `file-${number}`);
  const files = Object.fromEntries(names.map((name) => [name, size.fileBytes]));
  const network = await PeerNetwork.open(scope, { files, megabits: MEGABITS, program });
  const wanted = names.map((name) => digestOfFile(join(network.source, name)));
  const peers = await startHosts(network, size, false);
  return await spreadOver(network, peers, async (peer) => {
    await peer.mount();
    for (const [index, name] of names.entries()) {
      const found = await digestBySha256sum(join(peer.mountpoint, name));
      if (found !== wanted[index]) throw new Error(`${peer.name} has read ${name} wrong`);
    }
  });
}

async function startHosts(network: PeerNetwork, size: Size, isMirror: boolean) {
  await startAll(network, 'seed', SEEDS, { isMirror });
  return await startAll(network, 'peer', size.hosts, { isMirror });
}

/** Until the last of them has all of it. */
async function spreadOver<Host extends NetworkHost | PeerMachine>(
  network: PeerNetwork,
  hosts: readonly Host[],
  fetch: (host: Host, index: number) => Promise<void>,
): Promise<Spread> {
  const before = await network.registryBytes();
  const startedAt = performance.now();
  await Promise.all(hosts.map(fetch));
  const seconds = (performance.now() - startedAt) / 1000;
  return { seconds, registryBytes: (await network.registryBytes()) - before };
}

async function pushPlain(network: PeerNetwork, { files, fileBytes }: Size): Promise<void> {
  const layout = network.homeOf('layout');
  // As many bytes as the converted image, in as many layers as images have.
  const layerCount = Math.min(files, 8);
  const layers = Array.from({ length: layerCount }, (_, layer) => {
    const content = noise((files / layerCount) * fileBytes, `layer ${layer}`);
    return { tar: writeTar([{ name: `layer-${layer}`, content }]), compression: 'none' as const };
  });
  buildLayout({ directory: layout, layers });
  const target = `docker://${network.registryHost}/${PLAIN}:latest`;
  const flags = ['--quiet', '--preserve-digests', '--dest-tls-verify=false'];
  await skopeo(network.registry, ['copy', ...flags, `oci:${layout}:latest`, target]);
  rmSync(layout, { recursive: true });
}

async function pull(host: NetworkHost, from: string, directory: string): Promise<void> {
  mkdirSync(directory);
  const source = `docker://${from}/${PLAIN}:latest`;
  const flags = ['--quiet', '--src-tls-verify=false'];
  await skopeo(host, ['copy', ...flags, source, `dir:${directory}`]);
}

async function skopeo({ launcher }: NetworkHost, args: readonly string[]): Promise<void> {
  const [program = '', ...rest] = launcher;
  await runChecked(program, [...rest, 'skopeo', ...args], { timeoutMs: MINUTES_MAX * 60_000 });
}

function rowsOf(spreads: ReadonlyMap<string, Spread>, imageBytes: number, hosts: number): Row[] {
  const of = (pick: (spread: Spread) => number) =>
    new Map([...spreads].map(([name, spread]) => [name, pick(spread)]));
  return [
    ...compareRows(
      `${hosts} hosts have everything after`,
      's',
      of(({ seconds }) => seconds),
    ),
    ...compareRows(
      `${hosts} hosts, registry bytes`,
      'x the image',
      of(({ registryBytes }) => registryBytes / imageBytes),
    ),
  ];
}
