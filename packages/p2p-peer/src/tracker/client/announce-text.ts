/** An announce as the path of a request, and the bencoded answer (BEP 3), read strictly. */
import type { BlobId } from '@shoal/oci';
import type { HostFacts } from '../../identity/host.ts';
import type { PeerId } from '../../identity/peer-id.ts';
import type { SwarmId } from '../../identity/swarm-id.ts';
import { type BencodeNode, decodeBencode } from '../../torrent/bencode.ts';
import { TrackerAnswerError } from '../errors.ts';
import { decodeFoundPeers, type FoundPeer, OUR_PEERS_FORM } from '../found-peers.ts';
import { PEERS_HANDED_OUT_MAX, REFUSAL_CHARACTERS_MAX } from '../limits.ts';

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
};

export type AnnounceAnswer = {
  readonly peers: readonly FoundPeer[];
  readonly complete: number;
  readonly incomplete: number;
  readonly intervalMs: number;
};

/** `own`: zone, rack and address of this host. */
export function formatAnnounce(
  request: AnnounceRequest,
  own: Pick<HostFacts, 'zone' | 'rack' | 'address'>,
  token: string | undefined,
): string {
  const { swarmId, blob, event, peerId, port, bytesLeft } = request;
  const rest = new URLSearchParams({
    port: String(port),
    uploaded: '0',
    downloaded: '0',
    left: String(bytesLeft),
    compact: String(OUR_PEERS_FORM),
    numwant: String(PEERS_HANDED_OUT_MAX),
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
    const failure = answer.optionalBytes('failure reason')?.toString();
    if (failure !== undefined)
      throw new Error(`refuses: ${failure.slice(0, REFUSAL_CHARACTERS_MAX)}`);
    return {
      peers: decodeFoundPeers(answer.bytes('peers')),
      complete: answer.count('complete'),
      incomplete: answer.count('incomplete'),
      intervalMs: answer.count('interval') * 1000,
    };
  } catch (error) {
    const detail = error instanceof Error ? error.message : 'answers nonsense';
    throw new TrackerAnswerError(tracker, detail, { cause: error });
  }
}

/** A bencoded dictionary whose values have to be what is asked for. Throws `Error`. */
class Dictionary {
  readonly #values: ReadonlyMap<string, BencodeNode>;

  constructor(node: BencodeNode) {
    if (node.kind !== 'dictionary') throw new Error('answers no dictionary');
    this.#values = node.value;
  }

  optionalBytes(name: string): Buffer | undefined {
    const node = this.#values.get(name);
    if (node === undefined) return undefined;
    if (node.kind !== 'string') throw new Error(`has no text as ${name}`);
    return node.value;
  }

  bytes(name: string): Buffer {
    const bytes = this.optionalBytes(name);
    if (bytes === undefined) throw new Error(`has no ${name}`);
    return bytes;
  }

  count(name: string): number {
    const node = this.#values.get(name);
    if (node?.kind === 'integer' && node.value >= 0) return node.value;
    throw new Error(`has no number as ${name}`);
  }
}
