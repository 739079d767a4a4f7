/**
 * The peers of an answer to one of our hosts: JSON in one bencoded string, because hosts want to know
 * more of each other than BEP 3 has names for, and fifty dictionaries cost ten times as much to write.
 */
import { z } from 'zod';
import { type HostFacts, parseHostName } from '../identity/host.ts';
import { type PeerId, parsePeerId } from '../identity/peer-id.ts';
import { hostFactsSchema } from './host-report.ts';
import { PEERS_HANDED_OUT_MAX } from './limits.ts';

export type FoundPeer = {
  readonly peerId: PeerId;
  readonly ip: string;
  readonly port: number;
  readonly isComplete: boolean;
  /** Undefined for a standard client. */
  readonly host: HostFacts | undefined;
};

/** Asked for as `compact=2`: a number that is in no BEP. */
export const OUR_PEERS_FORM = 2;

const foundPeerSchema = z.strictObject({
  peerId: z.string(),
  ip: z.string().max(64),
  port: z.int().min(1).max(65_535),
  isComplete: z.boolean(),
  host: hostFactsSchema.optional(),
});
const foundPeersSchema = z.array(foundPeerSchema).max(PEERS_HANDED_OUT_MAX);

type TrackedPeer = Omit<FoundPeer, 'host'> & {
  readonly host: { readonly facts: HostFacts } | undefined;
};

/** The facts of a host are written once, for all swarms that it is in. */
const factsTexts = new WeakMap<HostFacts, string>();

export function encodeFoundPeers(peers: readonly TrackedPeer[]): Buffer {
  const texts = peers.map(({ peerId, ip, port, isComplete, host }) => {
    const place = `{"peerId":"${peerId}","ip":"${ip}","port":${port},"isComplete":${isComplete}`;
    return host === undefined ? `${place}}` : `${place},"host":${textOf(host.facts)}}`;
  });
  return Buffer.from(`[${texts.join(',')}]`);
}

function textOf(facts: HostFacts): string {
  const known = factsTexts.get(facts);
  if (known !== undefined) return known;
  const text = JSON.stringify(facts);
  factsTexts.set(facts, text);
  return text;
}

/** Throws `Error` and what names and ids throw. */
export function decodeFoundPeers(bytes: Buffer): readonly FoundPeer[] {
  return foundPeersSchema.parse(JSON.parse(bytes.toString())).map(({ host, peerId, ...place }) => ({
    ...place,
    peerId: parsePeerId(peerId),
    host: host === undefined ? undefined : { ...host, host: parseHostName(host.host) },
  }));
}
