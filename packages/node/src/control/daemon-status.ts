/** Everything `shoal status` shows, put together from the parts of a daemon. */
import { existsSync } from 'node:fs';
import type { LazyImages, MountService, SnapshotService } from '@shoal/snapshotter';
import { containerdAddressIn } from '../containerd/examine-containerd.ts';
import type { CredentialStates } from '../credential-states.ts';
import type { HostPeer } from '../peers/open-host-peer.ts';
import type { PingAnswer, SnapshotCounts, StatusAnswer } from './control-protocol.ts';

export type StatusSources = {
  readonly facts: PingAnswer;
  readonly service: MountService;
  readonly lazy: LazyImages;
  readonly snapshots: SnapshotService;
  readonly credentials: CredentialStates;
  readonly peer: HostPeer | undefined;
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
  const { proxyHost, apiAddress } = sources;
  const containerd = sources.containerdAddress ?? containerdAddressIn();
  return {
    daemon: facts,
    ...service.status(),
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
