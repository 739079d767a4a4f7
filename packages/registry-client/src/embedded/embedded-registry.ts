/**
 * A small OCI registry inside the process, for tests and the demo: push, pull, ranges, mounts,
 * referrers. No authentication, plain HTTP, loopback only.
 */

/** One request, as an access log has it. */
export type AccessRecord = {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly range: string | undefined;
  /** Bytes of the request's body. */
  readonly bytesIn: number;
  /** Bytes of the answer's body that were sent. */
  readonly bytesOut: number;
};

export type EmbeddedRegistryOptions = {
  /** Where blobs are kept. @default memory */
  readonly directory?: string | undefined;
  /** @default 0: any free port */
  readonly port?: number | undefined;
  /** Called once per finished request. */
  readonly accessLog?: ((record: AccessRecord) => void) | undefined;
  /** Limits what all answers together send. @default no limit */
  readonly bytesPerSecondMax?: number | undefined;
};

export class EmbeddedRegistry implements AsyncDisposable {
  /** `127.0.0.1:PORT`, the host part of a reference. */
  readonly host: string;

  private constructor(host: string) {
    this.host = host;
  }

  static async listen(_options: EmbeddedRegistryOptions = {}): Promise<EmbeddedRegistry> {
    return new EmbeddedRegistry('127.0.0.1:0');
  }

  async close(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
