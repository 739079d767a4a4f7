/** What is known of a disk that something is kept on: tells once that it refuses writes, and once that it takes them. */
import { errorCode } from '@shoal/errors';

export type DiskEvent = {
  readonly kind: 'disk-full' | 'write-failed' | 'disk-writable';
  readonly message: string;
  readonly error?: unknown;
};

/** True for the errors that mean "no space", for anybody or for this user. */
export function isDiskFull(error: unknown): boolean {
  const code = errorCode(error);
  return code === 'ENOSPC' || code === 'EDQUOT';
}

export class DiskState {
  readonly #name: string;
  readonly #meanwhile: string;
  readonly #onEvent: (event: DiskEvent) => void;
  #told: 'disk-full' | 'write-failed' | undefined;

  /** `meanwhile`: what goes on while nothing can be written, for the message. */
  constructor(name: string, meanwhile: string, onEvent: (event: DiskEvent) => void) {
    this.#name = name;
    this.#meanwhile = meanwhile;
    this.#onEvent = onEvent;
  }

  onWriteFailed(error: unknown): void {
    const kind = isDiskFull(error) ? 'disk-full' : 'write-failed';
    if (this.#told === kind) return;
    this.#told = kind;
    const what = kind === 'disk-full' ? 'the disk is full' : 'the disk refuses writes';
    this.#onEvent({ kind, message: `${this.#name}: ${what}; ${this.#meanwhile}`, error });
  }

  onWritten(): void {
    if (this.#told === undefined) return;
    this.#told = undefined;
    const message = `${this.#name}: the disk takes writes again`;
    this.#onEvent({ kind: 'disk-writable', message });
  }
}
