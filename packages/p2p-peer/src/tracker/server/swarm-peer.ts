/** One peer in one swarm, and one host with its peers in all of them. */
import type { HostFacts } from '../../identity/host.ts';
import type { PeerId } from '../../identity/peer-id.ts';
import type { HostReport } from '../host-report.ts';
import type { KnownBlob } from './known-blobs.ts';
import type { PoolPeer } from './peer-pool.ts';

/** What a peer knows of the swarm it is in. */
export type OwnSwarm = {
  readonly id: string;
  readonly blob: KnownBlob;
  delete(peer: SwarmPeer): void;
};

export type SwarmPeer = PoolPeer & {
  readonly swarm: OwnSwarm;
  readonly peerId: PeerId;
  /** Undefined for standard clients. */
  readonly host: TrackedHost | undefined;
  readonly ip: string;
  readonly port: number;
  seenAtMs: number;
};

/** How much of a blob a host has, and whether that is all by what it knows itself. */
export type Holding = { readonly heldBytes: number; readonly isWhole: boolean };

/** A host that announced or reported lately. */
export type TrackedHost = {
  facts: HostFacts;
  seenAtMs: number;
  version: string;
  report: HostReport | undefined;
  /** What the last report said. */
  held: ReadonlyMap<KnownBlob, Holding>;
  readonly peers: Set<SwarmPeer>;
};
