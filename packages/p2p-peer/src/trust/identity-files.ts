/** The identity of this host for as long as it runs: whoever opens connections asks for the current one. */
import { IDENTITY_CHECK_MS } from './limits.ts';
import { type IdentityPaths, loadTlsIdentity, stampOf, type TlsIdentity } from './tls-identity.ts';

export type IdentityFilesOptions = {
  /** Hears of changed files that cannot be used; the earlier identity stays. */
  readonly onProblem?: (error: unknown) => void;
  readonly checkMs?: number;
};

export class IdentityFiles implements AsyncDisposable {
  readonly #paths: IdentityPaths;
  readonly #onProblem: (error: unknown) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #listeners = new Set<(identity: TlsIdentity) => void>();
  #current: TlsIdentity;
  #stamp: string;
  #checking: Promise<void> | undefined;

  /** Throws `ERR_P2P_IDENTITY_FILES`. */
  static async open(
    paths: IdentityPaths,
    options: IdentityFilesOptions = {},
  ): Promise<IdentityFiles> {
    const stamp = await stampOf(paths);
    return new IdentityFiles(paths, { current: await loadTlsIdentity(paths), stamp }, options);
  }

  private constructor(
    paths: IdentityPaths,
    loaded: { readonly current: TlsIdentity; readonly stamp: string },
    { onProblem = () => undefined, checkMs = IDENTITY_CHECK_MS }: IdentityFilesOptions,
  ) {
    this.#paths = paths;
    this.#current = loaded.current;
    this.#stamp = loaded.stamp;
    this.#onProblem = onProblem;
    this.#timer = setInterval(() => void this.refresh(), checkMs);
    this.#timer.unref();
  }

  get current(): TlsIdentity {
    return this.#current;
  }

  /** Calls back after every change, until the function it returns is called. */
  onChange(listener: (identity: TlsIdentity) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Looks at the files now. Never rejects: what cannot be used is reported and tried again later. */
  refresh(): Promise<void> {
    this.#checking ??= this.#check()
      .catch(this.#onProblem)
      .finally(() => {
        this.#checking = undefined;
      });
    return this.#checking;
  }

  async #check(): Promise<void> {
    const stamp = await stampOf(this.#paths);
    if (stamp === this.#stamp) return;
    // Between two of the files a key may not fit its certificate: the next look finds it does.
    this.#current = await loadTlsIdentity(this.#paths);
    this.#stamp = stamp;
    for (const listener of this.#listeners) listener(this.#current);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#listeners.clear();
    await this.#checking;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
