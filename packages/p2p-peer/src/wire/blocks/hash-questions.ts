/** Questions for hashes of pieces on one wire: answers come in the order they were asked. */
import { orAbort } from '@shoal/concurrency';
import type { WireClosedError } from '../errors.ts';
import { WireProtocolError } from '../errors.ts';
import type { HashQuestion } from '../extension/ask-hashes.ts';
import type { HashAnswer } from '../extension/hashes.ts';
import { HASH_QUESTIONS_MAX } from '../limits.ts';

type Hashes = readonly (Buffer | undefined)[];
type Asked = HashQuestion & {
  readonly resolve: (hashes: Hashes) => void;
  readonly reject: (error: Error) => void;
};

export class HashQuestions {
  readonly #send: (question: HashQuestion) => void;
  readonly #waiting: Asked[] = [];
  readonly #sent: Asked[] = [];

  constructor(send: (question: HashQuestion) => void) {
    this.#send = send;
  }

  /** An abort ends the waiting; the answer is still awaited, and dropped. */
  async ask(question: HashQuestion, signal: AbortSignal | undefined): Promise<Hashes> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<Hashes>();
    this.#waiting.push({ ...question, resolve, reject });
    this.#pump();
    return orAbort(promise, signal);
  }

  /** Throws `ERR_P2P_WIRE_PROTOCOL` where it answers nothing. */
  answer({ firstPiece, count, hashes }: HashAnswer): void {
    const asked = this.#sent.shift();
    if (asked?.firstPiece !== firstPiece || asked.count !== count) {
      throw new WireProtocolError('hashes came unasked');
    }
    asked.resolve(hashes);
    this.#pump();
  }

  close(error: WireClosedError): void {
    for (const { reject } of [...this.#sent.splice(0), ...this.#waiting.splice(0)]) reject(error);
  }

  #pump(): void {
    while (this.#sent.length < HASH_QUESTIONS_MAX) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#sent.push(next);
      this.#send(next);
    }
  }
}
