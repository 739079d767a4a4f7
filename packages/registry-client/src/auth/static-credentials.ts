/**
 * Credentials that a configuration gives for whole registries. Files with secrets are read again
 * each time: whoever rotates them need not restart anything.
 */
import { ClientConfigError } from '../errors.ts';
import { SECRET_FILE_BYTES_MAX } from '../limits.ts';
import { readBoundedFile } from '../local/regular-file.ts';
import type { CredentialQuestion, CredentialSource, Credentials } from './credential-source.ts';

export type StaticRegistry =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  | { readonly kind: 'password-file'; readonly username: string; readonly file: string }
  | { readonly kind: 'identity-token-file'; readonly file: string };

export class StaticCredentials implements CredentialSource {
  readonly name = 'configuration';
  readonly remembers = false;
  readonly #registries: ReadonlyMap<string, StaticRegistry>;

  /** By the host part of a reference; Docker Hub is `docker.io`. */
  constructor(registries: ReadonlyMap<string, StaticRegistry>) {
    this.#registries = registries;
  }

  async find({ registry }: CredentialQuestion): Promise<readonly Credentials[]> {
    const setting = this.#registries.get(registry);
    if (setting === undefined) return [];
    switch (setting.kind) {
      case 'password':
        return [setting];
      case 'password-file': {
        const password = await readSecret(setting.file, 'password file');
        return [{ kind: 'password', username: setting.username, password }];
      }
      case 'identity-token-file':
        return [{ kind: 'identity-token', token: await readSecret(setting.file, 'token file') }];
    }
  }
}

/** Without the line break at its end. */
async function readSecret(file: string, what: string): Promise<string> {
  const bytes = await readBoundedFile(file, what, SECRET_FILE_BYTES_MAX);
  const secret = bytes.toString('utf8').replace(/\r?\n$/, '');
  if (secret !== '' && !/[\r\n\0]/.test(secret)) return secret;
  throw new ClientConfigError(`${what} ${file} does not hold one line with a secret`, {
    remedy: 'write nothing but the secret into it',
  });
}
