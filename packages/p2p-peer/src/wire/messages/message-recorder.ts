/** Messages of one wire as records of a log. Costs nothing where there is none. */
import type { PeerId } from '../../identity/peer-id.ts';
import type { SwarmId } from '../../identity/swarm-id.ts';
import type { WireLog, WireRecord } from '../wire-log.ts';
import { MessageId, messageName } from './message-sizes.ts';

type Direction = WireRecord['direction'];

const LENGTH_BYTES = 4;
const HANDSHAKE_BYTES = 68;
/** Messages that begin with the index of a piece. */
const WITH_PIECE: ReadonlySet<number> = new Set([
  MessageId.have,
  MessageId.request,
  MessageId.cancel,
  MessageId.suggest,
  MessageId.reject,
  MessageId.allowedFast,
]);

export class MessageRecorder {
  readonly #log: WireLog | undefined;
  #swarm: SwarmId | undefined;
  #peer: PeerId | undefined;

  constructor(log: WireLog | undefined) {
    this.#log = log;
  }

  handshake(direction: Direction, swarm: SwarmId, peer: PeerId): void {
    this.#swarm = swarm;
    this.#peer = peer;
    this.#record(direction, { type: 'handshake', length: HANDSHAKE_BYTES });
  }

  /** `numbers` as they stand behind the id; `body` what follows them. */
  message(
    direction: Direction,
    id: number,
    [piece, offset, length]: readonly number[],
    body: Uint8Array | null,
  ): void {
    if (this.#log === undefined) return;
    // Which extension it is of is known to the other side only: the number has to do.
    const type = id === MessageId.extended ? `extended:${body?.[0] ?? 0}` : messageName(id);
    this.#record(direction, {
      type,
      ...(piece === undefined ? {} : { piece }),
      ...(offset === undefined ? {} : { offset }),
      length: length ?? body?.length ?? 0,
    });
  }

  /** A whole message, without its length. */
  whole(direction: Direction, message: Uint8Array): void {
    const id = message[0] ?? 0;
    // Those of extensions are recorded by their names.
    if (this.#log === undefined || id === MessageId.extended) return;
    const view = new DataView(message.buffer, message.byteOffset, message.length);
    const numbers: number[] = [];
    for (let at = 1; WITH_PIECE.has(id) && at + 4 <= message.length; at += 4) {
      numbers.push(view.getUint32(at));
    }
    this.message(direction, id, numbers, numbers.length > 0 ? null : message.subarray(1));
  }

  /** What the base class writes as it is: its handshake, a keep-alive, a message of few bytes. */
  written(bytes: Uint8Array): void {
    if (this.#log === undefined) return;
    if (bytes.length === HANDSHAKE_BYTES) {
      this.#record('out', { type: 'handshake', length: HANDSHAKE_BYTES });
    } else if (bytes.length === LENGTH_BYTES) {
      this.#record('out', { type: 'keepAlive', length: 0 });
    } else this.whole('out', bytes.subarray(LENGTH_BYTES));
  }

  extended(direction: Direction, name: string | undefined, body: Uint8Array): void {
    this.#record(direction, { type: `extended:${name ?? 'unknown'}`, length: body.length });
  }

  #record(direction: Direction, fields: Omit<WireRecord, 'direction' | 'swarm' | 'peer'>): void {
    this.#log?.record({ direction, swarm: this.#swarm, peer: this.#peer, ...fields });
  }
}
