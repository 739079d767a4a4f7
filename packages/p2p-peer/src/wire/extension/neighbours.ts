/**
 * `neighbours`: hosts that share the blob, for the same repository as the wire is for. Hearsay: who
 * dials one of them looks at its certificate. (Like BEP 11, with names and places.)
 *
 * | at | bytes | field |
 * | --- | --- | --- |
 * | 0 | 1 | type, 5 |
 * | 1 | rest | a bencoded list of hosts as in `host-facts.ts` |
 */
import { ShoalError } from '@shoal/errors';
import type { HostFacts } from '../../identity/host.ts';
import { decodeBencode, encodeBencode } from '../../torrent/bencode.ts';
import { NEIGHBOURS_TOLD_MAX } from '../limits.ts';
import { decodeHostFacts, encodeHostFacts } from './host-facts.ts';
import { malformed, ShoalMessage } from './message-type.ts';

const AT = { type: 0, hosts: 1 } as const;

/** At most `NEIGHBOURS_TOLD_MAX` hosts. */
export function encodeNeighbours(hosts: readonly HostFacts[]): Buffer {
  const list = hosts.map((facts) => new Map(encodeHostFacts(facts)));
  return Buffer.concat([Buffer.of(ShoalMessage.neighbours), encodeBencode(list)]);
}

/** A message of this type. Throws `ERR_P2P_WIRE_PROTOCOL`. */
export function decodeNeighbours(message: Buffer): HostFacts[] {
  try {
    const list = decodeBencode(message.subarray(AT.hosts));
    if (list.kind !== 'list') throw malformed('neighbours', 'it is no list');
    if (list.value.length > NEIGHBOURS_TOLD_MAX) throw malformed('neighbours', 'they are too many');
    return list.value.map((node) => {
      if (node.kind !== 'dictionary') throw malformed('neighbours', 'one is no host');
      return decodeHostFacts(node.value);
    });
  } catch (error) {
    if (error instanceof ShoalError) throw malformed('neighbours', error.message);
    throw error;
  }
}
