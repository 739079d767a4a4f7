/**
 * A host as messages of our extension tell of it, in bencoded dictionaries.
 *
 * | key | what |
 * | --- | --- |
 * | `host`, `role` | as in its certificate |
 * | `zone`, `rack` | where it stands, '' where nobody said |
 * | `addr` | `host:port` of its peer port |
 */
import { type HostFacts, parseHostName } from '../../identity/host.ts';
import type { BencodeNode, BencodeValue } from '../../torrent/bencode.ts';
import { WireProtocolError } from '../errors.ts';
import { ADDRESS_CHARACTERS_MAX, PLACE_CHARACTERS_MAX } from '../limits.ts';

export type BencodeFields = ReadonlyMap<string, BencodeNode>;

export function encodeHostFacts(facts: HostFacts): readonly (readonly [string, BencodeValue])[] {
  const { host, role, zone, rack, address } = facts;
  return [
    ['host', host],
    ['role', role],
    ['zone', zone],
    ['rack', rack],
    ['addr', address],
  ];
}

/** Throws `ERR_P2P_WIRE_PROTOCOL`, `ERR_P2P_HOST_NAME`. */
export function decodeHostFacts(fields: BencodeFields): HostFacts {
  const role = textOf(fields, 'role');
  if (role !== 'peer' && role !== 'seed') throw new WireProtocolError('its role is neither');
  return {
    host: parseHostName(textOf(fields, 'host')),
    role,
    zone: shortTextOf(fields, 'zone', PLACE_CHARACTERS_MAX),
    rack: shortTextOf(fields, 'rack', PLACE_CHARACTERS_MAX),
    address: shortTextOf(fields, 'addr', ADDRESS_CHARACTERS_MAX),
  };
}

/** Throws `ERR_P2P_WIRE_PROTOCOL` where there is none. */
export function textOf(fields: BencodeFields, key: string): string {
  const node = fields.get(key);
  if (node?.kind !== 'string') throw new WireProtocolError(`what it tells of a host has no ${key}`);
  return node.value.toString();
}

function shortTextOf(fields: BencodeFields, key: string, charactersMax: number): string {
  const text = textOf(fields, key);
  if (text.length > charactersMax) throw new WireProtocolError(`its ${key} is too long`);
  return text;
}
