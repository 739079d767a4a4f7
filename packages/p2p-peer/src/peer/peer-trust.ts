/**
 * What makes this host believed, and whom it believes: its certificate, its token, the authority and
 * the keys of tokens, all of them files of one directory. A token comes from a tracker; a file `token`
 * beside the others serves where there is none.
 */
import type { KeyObject } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PeerIdentityError } from '../errors.ts';
import type { HostName, HostRole } from '../identity/host.ts';
import { IdentityFiles } from '../trust/identity-files.ts';
import { identityPathsIn } from '../trust/tls-identity.ts';
import { verifyToken } from '../trust/token.ts';
import { loadTokenPublicKeys } from '../trust/token-keys.ts';
import { type FetchedToken, TokenStore } from '../trust/token-store.ts';
import type { WireTrust } from '../wire/handshakes/wire-trust.ts';

const TOKEN_FILE = 'token';
const TOKEN_PUBLIC_KEY_FILE = 'token.pub';

export type PeerTrustOptions = {
  readonly directory: string;
  /** PEM file of the keys that tokens are checked with. @default `token.pub` there */
  readonly tokenKeysFile?: string | undefined;
  /** Asks the trackers for a token. */
  readonly fetchToken: () => Promise<FetchedToken | undefined>;
  readonly onProblem: (error: unknown) => void;
};

export class PeerTrust implements WireTrust, AsyncDisposable {
  readonly host: HostName;
  readonly role: HostRole;
  readonly files: IdentityFiles;
  readonly #keys: readonly KeyObject[];
  readonly #tokens: TokenStore;

  /** Throws `ERR_P2P_IDENTITY_FILES`, `ERR_P2P_TOKEN_KEY`, `ERR_P2P_PEER_IDENTITY`. */
  static async open(options: PeerTrustOptions): Promise<PeerTrust> {
    const { directory, onProblem } = options;
    const { tokenKeysFile = join(directory, TOKEN_PUBLIC_KEY_FILE) } = options;
    const files = await IdentityFiles.open(identityPathsIn(directory), { onProblem });
    try {
      const keys = await loadTokenPublicKeys([tokenKeysFile]);
      return new PeerTrust(options, files, keys);
    } catch (error) {
      await files.close();
      throw error;
    }
  }

  private constructor(
    { directory, fetchToken }: PeerTrustOptions,
    files: IdentityFiles,
    keys: readonly KeyObject[],
  ) {
    const { identity } = files.current;
    if (identity === undefined || identity.role === 'tracker') {
      throw new PeerIdentityError(directory);
    }
    this.host = identity.host;
    this.role = identity.role;
    this.files = files;
    this.#keys = keys;
    this.#tokens = new TokenStore({
      fetchToken: async () => (await fetchToken()) ?? (await this.#tokenOfFile(directory)),
    });
  }

  readonly identity: WireTrust['identity'] = () => this.files.current;

  readonly token: WireTrust['token'] = () => this.#tokens.current;

  readonly checkToken: WireTrust['checkToken'] = (text, host, nowMs) =>
    verifyToken(text, { publicKeys: this.#keys, host, nowMs });

  /** The token, after asking for one where there is none. Rejects only by the signal. */
  async whenToken(signal?: AbortSignal): Promise<void> {
    await this.#tokens.get(signal);
  }

  async close(): Promise<void> {
    await this.#tokens.close();
    await this.files.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** One that is not for this host, or has expired, is none. */
  async #tokenOfFile(directory: string): Promise<FetchedToken | undefined> {
    try {
      const token = (await readFile(join(directory, TOKEN_FILE), 'latin1')).trim();
      const { expiresAtMs } = this.checkToken(token, this.host, Date.now());
      return { token, expiresAtMs };
    } catch {
      return undefined;
    }
  }
}
