/**
 * What was told to a server in confidence, so that nothing it says back is shown when it holds any
 * of it: servers and proxies put the headers of a request into their error pages.
 */
import type { Credentials } from './credential-source.ts';

const WITHHELD = 'a reason that repeats the credentials is not shown';

export class SentSecrets {
  readonly #secrets = new Set<string>();

  addCredentials(credentials: Credentials | undefined): void {
    if (credentials === undefined) return;
    if (credentials.kind !== 'password') {
      this.add(credentials.token);
      return;
    }
    const { username, password } = credentials;
    this.add(password);
    this.add(Buffer.from(`${username}:${password}`, 'utf8').toString('base64'));
  }

  add(secret: string): void {
    if (secret === '') return;
    this.#secrets.add(secret);
    this.#secrets.add(encodeURIComponent(secret));
  }

  /** The text of a stranger, or a sentence in its place. */
  withhold(text: string): string {
    for (const secret of this.#secrets) if (text.includes(secret)) return WITHHELD;
    return text;
  }
}
