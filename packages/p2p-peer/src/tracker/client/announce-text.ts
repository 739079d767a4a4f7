/** An announce as the path of a request, and the bencoded answer (BEP 3), read strictly. */
import type { BlobId } from '@shoal/oci';
import { type HostFacts, type HostRole, parseHostName } from '../../identity/host.ts';
import { type PeerId, parsePeerId } from '../../identity/peer-id.ts';
import type { SwarmId } from '../../identity/swarm-id.ts';
import { type BencodeNode, decodeBencode } from '../../torrent/bencode.ts';
import { TrackerAnswerError } from '../errors.ts';
import { peerAddress, shownName } from '../host-report.ts';
import { PEERS_HANDED_OUT_MAX } from '../limits.ts';

export type AnnounceEvent = 'started' | 'stopped' | 'completed' | 'update';

export type AnnounceRequest = {
  /** What our hosts meet under, or a torrent's infohash. */
  readonly swarmId: SwarmId;
  /** Tells the tracker which blob it is: without it the tracker has to know already. */
  readonly blob?: { readonly blobId: BlobId; readonly repository: string };
  readonly event: AnnounceEvent;
  readonly peerId: PeerId;
  /** Of the TLS port, or of the plain one for an infohash. */
  readonly port: number;
  readonly bytesLeft: number;
  /** @default 50 */
  readonly peersWanted?: number;
};

export type FoundPeer = {
  readonly peerId: PeerId;
  readonly ip: string;
  readonly port: number;
  readonly isComplete: boolean;
  /** Undefined for a standard client. */
  readonly host: HostFacts | undefined;
};

export type AnnounceAnswer = {
  readonly peers: readonly FoundPeer[];
  readonly complete: number;
  readonly incomplete: number;
  readonly intervalMs: number;
};

/** See the server's announce engine. */
const OUR_PEERS_FORM = 2;

/** `own`: zone, rack and address of this host. */
export function formatAnnounce(
  request: AnnounceRequest,
  own: Pick<HostFacts, 'zone' | 'rack' | 'address'>,
  token: string | undefined,
): string {
  const { swarmId, blob, event, peerId, port, bytesLeft, peersWanted } = request;
  const rest = new URLSearchParams({
    port: String(port),
    uploaded: '0',
    downloaded: '0',
    left: String(bytesLeft),
    compact: String(OUR_PEERS_FORM),
    numwant: String(peersWanted ?? PEERS_HANDED_OUT_MAX),
    event,
    zone: own.zone,
    rack: own.rack,
    address: own.address,
    ...(blob === undefined ? {} : { blob: blob.blobId, repository: blob.repository }),
    ...(token === undefined ? {} : { token }),
  });
  return `/announce?info_hash=${percent(swarmId)}&peer_id=${percent(peerId)}&${rest}`;
}

function percent(hex: string): string {
  return hex.replaceAll(/../g, '%$&');
}

/** Throws `ERR_P2P_TRACKER_ANSWER`. */
export function readAnnounceAnswer(tracker: string, bytes: Buffer): AnnounceAnswer {
  try {
    const answer = new Dictionary(decodeBencode(bytes));
    const failure = answer.optionalText('failure reason');
    if (failure !== undefined) throw new Error(`refuses: ${failure.slice(0, 200)}`);
    return {
      peers: answer.dictionaries('peers').slice(0, PEERS_HANDED_OUT_MAX).map(peerOf),
      complete: answer.count('complete'),
      incomplete: answer.count('incomplete'),
      intervalMs: answer.count('interval') * 1000,
    };
  } catch (error) {
    const detail = error instanceof Error ? error.message : 'answers nonsense';
    throw new TrackerAnswerError(tracker, detail, { cause: error });
  }
}

function peerOf(peer: Dictionary): FoundPeer {
  const place = {
    peerId: parsePeerId(peer.text('id')),
    ip: peer.text('ip'),
    port: peer.count('port'),
    isComplete: peer.count('complete') === 1,
  };
  const name = peer.optionalText('host');
  if (name === undefined) return { ...place, host: undefined };
  const host: HostFacts = {
    host: parseHostName(name),
    role: roleOf(peer.text('role')),
    zone: shownName.parse(peer.text('zone')),
    rack: shownName.parse(peer.text('rack')),
    address: peerAddress.parse(peer.text('address')),
  };
  return { ...place, host };
}

function roleOf(text: string): HostRole {
  if (text === 'peer' || text === 'seed') return text;
  throw new Error('names no role');
}

/** A bencoded dictionary whose values have to be what is asked for. Throws `Error`. */
class Dictionary {
  readonly #values: ReadonlyMap<string, BencodeNode>;

  constructor(node: BencodeNode) {
    if (node.kind !== 'dictionary') throw new Error('answers no dictionary');
    this.#values = node.value;
  }

  optionalText(name: string): string | undefined {
    const node = this.#values.get(name);
    if (node === undefined) return undefined;
    if (node.kind !== 'string') throw new Error(`has no text as ${name}`);
    return node.value.toString();
  }

  text(name: string): string {
    const text = this.optionalText(name);
    if (text === undefined) throw new Error(`has no ${name}`);
    return text;
  }

  count(name: string): number {
    const node = this.#values.get(name);
    if (node?.kind === 'integer' && node.value >= 0) return node.value;
    throw new Error(`has no number as ${name}`);
  }

  dictionaries(name: string): readonly Dictionary[] {
    const node = this.#values.get(name);
    if (node?.kind !== 'list') throw new Error(`has no list as ${name}`);
    return node.value.map((element) => new Dictionary(element));
  }
}
