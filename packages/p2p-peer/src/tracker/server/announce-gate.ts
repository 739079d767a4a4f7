/**
 * Who may announce what. Our hosts: blobs of repositories that they may read by the tracker's policy,
 * and by the token they show if they show one. Everybody else, on the plain port: torrents of public
 * repositories. What is refused looks like what is not known.
 */
import type { KeyObject } from 'node:crypto';
import { parseBlobId } from '@shoal/oci';
import { formatHostPort } from '@shoal/oci/host-port';
import type { HostFacts } from '../../identity/host.ts';
import { swarmIdOf } from '../../identity/swarm-id.ts';
import { isCovered } from '../../trust/grant.ts';
import { verifyToken } from '../../trust/token.ts';
import { TrackerRequestError } from '../errors.ts';
import { peerAddress, shownName } from '../host-report.ts';
import type { Asker } from './asker.ts';
import type { HostPolicy } from './host-policy.ts';
import type { KnownBlob } from './known-blobs.ts';
import type { TrackedHost } from './swarm-peer.ts';
import type { TrackedSwarms } from './tracked-swarms.ts';

/** What the address of an announce says; what strangers repeat comes as a list. */
export type AnnounceParams = { readonly [name: string]: unknown };

export type HostAsker = Asker & { readonly kind: 'host' };
type Covers = (repository: string) => boolean;

export type AnnounceGateOptions = {
  readonly table: TrackedSwarms;
  readonly policy: HostPolicy;
  readonly tokenPublicKeys: readonly KeyObject[];
  readonly nowMs: () => number;
};

export class AnnounceGate {
  readonly #table: TrackedSwarms;
  readonly #policy: HostPolicy;
  readonly #tokenPublicKeys: readonly KeyObject[];
  readonly #nowMs: () => number;

  constructor({ table, policy, tokenPublicKeys, nowMs }: AnnounceGateOptions) {
    this.#table = table;
    this.#policy = policy;
    this.#tokenPublicKeys = tokenPublicKeys;
    this.#nowMs = nowMs;
  }

  /** The blob whose swarm it is. Throws `ERR_P2P_TRACKER_REQUEST` and what is wrong with its token. */
  admit(asker: Asker, id: string, params: AnnounceParams): KnownBlob {
    const { blobs } = this.#table;
    if (asker.kind !== 'host') {
      const known = asker.kind === 'anybody' ? blobs.publicTorrent(id) : undefined;
      if (known === undefined) throw unknownSwarm();
      return known;
    }
    const covers = this.coverOf(asker, params['token']);
    const known = this.#learn(id, params, covers) ?? blobs.get(id);
    if (known === undefined || ![...known.repositories].some(covers)) throw unknownSwarm();
    return known;
  }

  /** What a host may read. Throws what is wrong with the token. */
  coverOf({ host }: HostAsker, token: unknown): Covers {
    const policy = { repositories: this.#policy.repositoriesOf(host) };
    if (token === undefined) return (repository) => isCovered(policy, repository);
    if (typeof token !== 'string') throw new TrackerRequestError(400, 'more than one token');
    const publicKeys = this.#tokenPublicKeys;
    const grant = verifyToken(token, { publicKeys, host, nowMs: this.#nowMs() });
    return (repository) => isCovered(policy, repository) && isCovered(grant, repository);
  }

  /** A host that announces a blob may say which it is, before it has reported anything. */
  #learn(id: string, params: AnnounceParams, covers: Covers): KnownBlob | undefined {
    const { blob, repository } = params;
    if (blob === undefined && repository === undefined) return undefined;
    if (typeof blob !== 'string' || typeof repository !== 'string') {
      throw new TrackerRequestError(400, 'a blob and its repository go together');
    }
    if (!covers(repository)) throw unknownSwarm();
    if (swarmIdOf(parseBlobId(blob)) !== id) {
      throw new TrackerRequestError(400, 'this is not the swarm of the blob');
    }
    return this.#table.blobs.learn({ blob, repository });
  }

  /** The host lives. Throws `ERR_P2P_TRACKER_REQUEST`. */
  seeHost({ host, role }: HostAsker, params: AnnounceParams, nowMs: number): TrackedHost {
    const known = this.#table.hosts.get(host)?.facts;
    const { ip, port } = params;
    const seenAs = formatHostPort({ host: String(ip), port: Number(port) });
    const facts: HostFacts = {
      host,
      role,
      zone: textOf(params['zone']) ?? known?.zone ?? '',
      rack: textOf(params['rack']) ?? known?.rack ?? '',
      address: addressOf(params['address']) ?? known?.address ?? seenAs,
    };
    return this.#table.hosts.see(facts, nowMs);
  }
}

function unknownSwarm(): TrackerRequestError {
  return new TrackerRequestError(403, 'unknown swarm');
}

function textOf(value: unknown): string | undefined {
  return value === undefined ? undefined : read(() => shownName.parse(value));
}

function addressOf(value: unknown): string | undefined {
  return value === undefined ? undefined : read(() => peerAddress.parse(value));
}

function read(parse: () => string): string {
  try {
    return parse();
  } catch {
    throw new TrackerRequestError(400, 'a zone, rack or address is malformed');
  }
}
