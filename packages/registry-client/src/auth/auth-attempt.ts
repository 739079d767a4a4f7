/** One request on its way through the answers to its challenges. */
import { RefusedCredentials } from './refused-credentials.ts';

export class AuthAttempt {
  readonly scopes: readonly string[];
  /** The registry's URL. */
  readonly url: URL;
  readonly signal: AbortSignal | undefined;
  /** Headers that were sent and refused, the newest last. */
  readonly refusedHeaders: string[] = [];
  readonly refused = new RefusedCredentials();
  #answers = 0;

  constructor(scopes: readonly string[], url: URL, signal: AbortSignal | undefined) {
    this.scopes = scopes;
    this.url = url;
    this.signal = signal;
  }

  /** What is known of a scope's token is kept under this. */
  get key(): string {
    return this.scopes.join(' ');
  }

  /** Another challenge came; `sent` is the header it refuses. True: it was made for the last one. */
  challenged(sent: string | undefined): boolean {
    if (sent !== undefined) this.refusedHeaders.push(sent);
    return this.#answers++ > 0;
  }
}
