/**
 * Asking whoever listens at an address which host it is, before anything is wanted of it: certificates
 * on both sides, and one line in which the host says where it stands. Who it is its certificate says.
 */
import type { TLSSocket } from 'node:tls';
import { z } from 'zod';
import { type HostFacts, parseHostName } from '../../identity/host.ts';
import { jsonOf } from '../../json-of.ts';
import { type CertificateIdentity, identityOf } from '../../trust/certificate-identity.ts';
import { WireLimitError, WireProtocolError, WireUntrustedError } from '../errors.ts';
import {
  DIAL_TIMEOUT_MS,
  HANDSHAKE_TIMEOUT_MS,
  HOST_ANSWER_BYTES_MAX,
  PLACE_CHARACTERS_MAX,
} from '../limits.ts';
import { ConnectionLimit, dial, secure } from './connection.ts';
import type { WireTrust } from './wire-trust.ts';

/** By this name in TLS (ALPN) a connection is a question, and no wire. */
export const HOST_QUESTION = 'shoal-host/1';

const place = z
  .string()
  .max(PLACE_CHARACTERS_MAX)
  .regex(/^\P{Cc}*$/u);
const answerSchema = z.object({ zone: place, rack: place });

export type AskHostOptions = {
  readonly trust: Pick<WireTrust, 'identity'>;
  readonly signal?: AbortSignal | undefined;
  /** @default `DIAL_TIMEOUT_MS` */
  readonly dialTimeoutMs?: number;
};

/**
 * Undefined when it is no host that shares blobs. Throws `ERR_P2P_WIRE_DIAL`, `ERR_P2P_WIRE_TIMEOUT`,
 * `ERR_P2P_WIRE_UNTRUSTED`, `ERR_P2P_WIRE_PROTOCOL`, `ERR_P2P_WIRE_LIMIT`, or the reason of the signal.
 */
export async function askHost(
  address: string,
  { trust, signal, dialTimeoutMs = DIAL_TIMEOUT_MS }: AskHostOptions,
): Promise<HostFacts | undefined> {
  const plain = await dial({ address, timeoutMs: dialTimeoutMs, signal });
  const limit = new ConnectionLimit(plain, HANDSHAKE_TIMEOUT_MS, 'say who it is', signal);
  try {
    const socket = await secure(plain, trust.identity(), address, HOST_QUESTION);
    const certificate = identityOf(socket.getPeerCertificate());
    if (certificate === undefined) throw new WireUntrustedError('its certificate names no host');
    const { host, role } = certificate;
    if (role === 'tracker') return undefined;
    // One of a version before the question: it stands nowhere until there is a wire to it.
    const said =
      socket.alpnProtocol === HOST_QUESTION ? await readAnswer(socket) : { zone: '', rack: '' };
    return { host: parseHostName(host), role, ...said, address };
  } catch (error) {
    throw limit.reason ?? error;
  } finally {
    limit.lift();
    plain.destroy();
  }
}

async function readAnswer(socket: TLSSocket): Promise<z.infer<typeof answerSchema>> {
  let text = '';
  for await (const part of socket.setEncoding('utf8')) {
    text += String(part);
    if (text.length > HOST_ANSWER_BYTES_MAX) {
      throw new WireLimitError('an answer', text.length, HOST_ANSWER_BYTES_MAX);
    }
  }
  const answer = answerSchema.safeParse(jsonOf(text));
  if (!answer.success) throw new WireProtocolError('it does not say where it stands');
  return answer.data;
}

/** The other side of it. Throws `ERR_P2P_WIRE_UNTRUSTED` when whoever asks is none of ours. */
export function answerQuestion(socket: TLSSocket, { zone, rack }: HostFacts): void {
  const asker: CertificateIdentity | undefined = identityOf(socket.getPeerCertificate());
  socket.on('error', () => undefined);
  if (asker === undefined) {
    socket.destroy();
    throw new WireUntrustedError('its certificate names no host');
  }
  // Nothing else is read: who does not go away by itself is sent away.
  const limit = new ConnectionLimit(socket, HANDSHAKE_TIMEOUT_MS, 'hear an answer');
  socket.once('close', () => limit.lift());
  socket.resume();
  socket.end(JSON.stringify({ zone, rack }));
}
