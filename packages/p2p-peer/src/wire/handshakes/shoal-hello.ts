/** What our host says in its handshake of extensions, to hosts and to standard clients. */
import type { SizedBlob } from '@shoal/blob-store';
import type { HostFacts } from '../../identity/host.ts';
import { BLOCK_BYTES_MAX } from '../../limits.ts';
import type { BencodeValue } from '../../torrent/bencode.ts';
import { WireUntrustedError } from '../errors.ts';
import { encodeHostHandshake, HOST_HANDSHAKE_KEY } from '../extension/host-handshake.ts';
import { SHOAL_EXTENSION } from '../extension/message-type.ts';
import { METADATA_EXTENSION } from '../extension/metadata.ts';
import { URGENCY_EXTENSION } from '../extension/urgency.ts';
import {
  QUEUED_REQUESTS_MAX,
  STANDARD_BLOCK_BYTES,
  STANDARD_QUEUED_REQUESTS_MAX,
} from '../limits.ts';
import type { PeerWireHandler, PeerWireOptions } from '../messages/peer-wire-handler.ts';
import type { WireLog } from '../wire-log.ts';
import type { WireTrust } from './wire-trust.ts';

/** Name of the client (BEP 10 `v`). */
const CLIENT = 'Shoal';

type HostHello = {
  readonly self: HostFacts;
  readonly trust: WireTrust;
  readonly repository: () => string;
  readonly blob: () => SizedBlob;
  readonly log: WireLog | undefined;
};

/** Throws `ERR_P2P_WIRE_UNTRUSTED`, when it is said, where this host has no token. */
export function hostWireOptions(handler: PeerWireHandler, hello: HostHello): PeerWireOptions {
  const extendedHandshake = () => {
    const token = hello.trust.token();
    if (token === undefined) throw new WireUntrustedError('this host itself has no token yet');
    const [repository, blob] = [hello.repository(), hello.blob()];
    const host = encodeHostHandshake({ facts: hello.self, token, repository, blob });
    return new Map<string, BencodeValue>([
      ...common(QUEUED_REQUESTS_MAX),
      [HOST_HANDSHAKE_KEY, host],
    ]);
  };
  return {
    handler,
    blockBytesMax: BLOCK_BYTES_MAX,
    extensions: [SHOAL_EXTENSION, URGENCY_EXTENSION],
    extendedHandshake,
    log: hello.log,
  };
}

/** `infoBytes`: what they may ask for, where they may. */
export function standardWireOptions(
  handler: PeerWireHandler,
  infoBytes: () => Buffer | undefined,
  log: WireLog | undefined,
): PeerWireOptions {
  return {
    handler,
    blockBytesMax: STANDARD_BLOCK_BYTES,
    extensions: [METADATA_EXTENSION],
    extendedHandshake: () => {
      const info = infoBytes();
      const size: [string, BencodeValue][] = info ? [['metadata_size', info.length]] : [];
      return new Map([...common(STANDARD_QUEUED_REQUESTS_MAX), ...size]);
    },
    log,
  };
}

function common(requestsMax: number): [string, BencodeValue][] {
  return [
    ['reqq', requestsMax],
    ['v', CLIENT],
  ];
}
