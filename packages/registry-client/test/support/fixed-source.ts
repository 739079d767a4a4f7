/** A credential source that gives what the test says, and tells what it was asked. */
import type { CredentialQuestion, CredentialSource, Credentials } from '@shoal/registry-client';

export class FixedSource implements CredentialSource {
  readonly name = 'test';
  readonly remembers: boolean;
  readonly questions: CredentialQuestion[] = [];
  readonly #answer: (question: CredentialQuestion) => readonly Credentials[];

  constructor(answer: (question: CredentialQuestion) => readonly Credentials[], remembers = false) {
    this.#answer = answer;
    this.remembers = remembers;
  }

  async find(question: CredentialQuestion): Promise<readonly Credentials[]> {
    this.questions.push(question);
    return this.#answer(question);
  }
}

export function password(username: string, secret: string): Credentials {
  return { kind: 'password', username, password: secret };
}
