/**
 * What a request carries as its authorization, and what is tried when that is refused: sessions of
 * our own, or the header of somebody for whom a request is passed on.
 */
import type { AuthAttempt } from './auth-attempt.ts';
import { SentSecrets } from './sent-secrets.ts';

export interface RequestAuthorization {
  /** Nothing that a server says back is shown when it holds any of these. */
  readonly secrets: SentSecrets;
  /** False: a refusal is the answer, its challenge is for somebody else. */
  readonly answersChallenges: boolean;
  /** What is sent at first; undefined: nothing. */
  header(attempt: AuthAttempt): Promise<string | undefined>;
  /** Answers a 401. */
  answer(
    wwwAuthenticate: string | undefined,
    sent: string | undefined,
    attempt: AuthAttempt,
  ): Promise<string>;
  /** What else can be sent after a 403; undefined: nothing. */
  instead(sent: string, attempt: AuthAttempt): Promise<string | undefined>;
}

/** The header of somebody else, as it came. */
export class FixedAuthorization implements RequestAuthorization {
  readonly secrets = new SentSecrets();
  readonly answersChallenges = false;
  readonly #header: string | undefined;

  constructor(header: string | undefined) {
    this.#header = header;
    if (header !== undefined) this.secrets.add(header.slice(header.indexOf(' ') + 1));
  }

  async header(): Promise<string | undefined> {
    return this.#header;
  }

  async answer(): Promise<string> {
    throw new Error('the challenge is for somebody else');
  }

  async instead(): Promise<undefined> {}
}
