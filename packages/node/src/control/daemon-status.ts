/** Everything `shoal status` shows, put together from the parts of a daemon. */
import { existsSync } from 'node:fs';
import type { LazyImages, MountService, SnapshotService } from '@shoal/snapshotter';
import type { NodeConfig } from '../config/config.ts';
import { containerdAddressIn } from '../containerd/examine-containerd.ts';
import type { CredentialStates } from '../credential-states.ts';
import type { HostPeer } from '../peers/open-host-peer.ts';
import type { PingAnswer, SnapshotCounts, StatusAnswer } from './control-protocol.ts';
import { missingParts } from './missing-parts.ts';

export type StatusSources = {
  readonly facts: PingAnswer;
  readonly service: MountService;
  readonly lazy: LazyImages;
  readonly snapshots: SnapshotService;
  readonly credentials: CredentialStates;
  readonly peer: HostPeer | undefined;
  /** What the configuration asks for. */
  readonly wanted: Pick<NodeConfig, 'peer' | 'proxy' | 'api'>;
  /** Where registries are mirrored. */
  readonly proxyHost: string | undefined;
  /** Where gets are ordered. */
  readonly apiAddress: string | undefined;
  /** Where containerd connects. */
  readonly address: string;
  /** Where containerd itself listens. @default where its own configuration has it listen */
  readonly containerdAddress: string | undefined;
};

export async function daemonStatus(sources: StatusSources): Promise<StatusAnswer> {
  const { facts, service, lazy, snapshots, credentials, address, peer } = sources;
  const { proxyHost, apiAddress, wanted } = sources;
  const { problems, ...served } = service.status();
  const missing = missingParts(wanted, { peer, proxy: proxyHost, api: apiAddress });
  const containerd = sources.containerdAddress ?? containerdAddressIn();
  return {
    daemon: facts,
    ...served,
    problems: [...problems, ...missing],
    images: lazy.status(),
    snapshots: { address, ...(await countSnapshots(snapshots)) },
    containerd: { address: containerd, isThere: existsSync(containerd) },
    ...(peer === undefined ? {} : { peer: peer.status() }),
    ...(proxyHost === undefined ? {} : { proxy: { address: proxyHost } }),
    ...(apiAddress === undefined ? {} : { api: { address: apiAddress } }),
    credentials: credentials.list(),
  };
}

async function countSnapshots(service: SnapshotService): Promise<SnapshotCounts> {
  const counts = { active: 0, view: 0, committed: 0 };
  for await (const { kind } of service.list([])) counts[kind] += 1;
  return counts;
}
