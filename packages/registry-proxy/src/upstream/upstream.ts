/**
 * One configured registry: small answers of it within a time limit, parts of its blobs. Nothing else is
 * ever contacted, but for where it redirects to, and that only at public addresses.
 */
import { type ClientOptions, StaticCredentials } from '@shoal/registry-client';
import { type Caller, hostAndPort, RegistryAccess } from '@shoal/registry-client/upstream';
import type { Clock } from '../clock.ts';
import {
  BLOB_RETRY_MS_MAX,
  BLOB_RETRY_MS_MIN,
  BLOB_SILENT_MS,
  BLOB_TRIES_MAX,
  CONNECT_TIMEOUT_MS,
  FIRST_BYTES_TIMEOUT_MS,
  RETRY_AFTER_MS_MAX,
} from '../limits.ts';
import { AskedDocuments, type DocumentRequest, type UpstreamDocument } from './asked-documents.ts';
import {
  type AuthMode,
  addressOf,
  redirectHostsOf,
  type UpstreamOptions,
  upstreamName,
} from './upstream-options.ts';

const BLOB_RETRY = {
  attemptsMax: BLOB_TRIES_MAX,
  delayMs: BLOB_RETRY_MS_MIN,
  delayMaxMs: BLOB_RETRY_MS_MAX,
};
/** The first byte, to learn how many there are. */
export const PROBE_RANGE = 'bytes=0-0';
/** Names the proxies that a request has come through. */
export const VIA_HEADER = 'x-shoal-via';

export class Upstream {
  readonly name: string;
  readonly mode: AuthMode;
  readonly address: URL;
  readonly blobs: Pick<RegistryAccess, 'readBlobRange' | 'readBlobFrom'>;
  readonly #access: RegistryAccess;
  readonly #documents: AskedDocuments;
  #ignoresRanges = false;

  constructor(options: UpstreamOptions, proxyId: string, clock: Clock) {
    this.name = upstreamName(options.name);
    this.mode = options.mode ?? 'challenge';
    this.address = addressOf(options);
    this.#access = new RegistryAccess({
      registry: this.name,
      address: this.address,
      headers: { [VIA_HEADER]: proxyId },
      options: this.#clientOptions(options),
    });
    this.blobs = this.#access;
    this.#documents = new AskedDocuments(this.#access, this.name, this.address, clock);
  }

  /** It answers every range with the whole blob, which is then better read in one go. */
  get ignoresRanges(): boolean {
    return this.#ignoresRanges;
  }

  #clientOptions(options: UpstreamOptions): ClientOptions {
    const { caFile, insecure, credentials, client = {} } = options;
    return {
      ...client,
      caFile,
      insecure,
      plainHttp: this.address.protocol === 'http:',
      ...(credentials === undefined
        ? {}
        : { credentialSources: [new StaticCredentials(new Map([[this.name, credentials]]))] }),
      trustedHosts: new Set([hostAndPort(this.address), ...redirectHostsOf(options)]),
      timeouts: {
        connectTimeoutMs: CONNECT_TIMEOUT_MS,
        headersTimeoutMs: FIRST_BYTES_TIMEOUT_MS,
        bodyTimeoutMs: BLOB_SILENT_MS,
      },
      retry: { ...BLOB_RETRY, retryAfterMaxMs: RETRY_AFTER_MS_MAX },
      onRequest: ({ range, status, url }) => {
        // Of an empty blob, which only a probe asks for, nothing is everything.
        const isRange = range !== undefined && range !== PROBE_RANGE;
        if (isRange && status === 200 && url.includes('/blobs/')) {
          this.#ignoresRanges = true;
        }
      },
    };
  }

  /** Its answer, whatever the status. Throws coded errors when there is none in time. */
  ask(request: DocumentRequest, caller: Caller): Promise<UpstreamDocument> {
    return this.#documents.ask(request, caller);
  }

  close(): Promise<void> {
    return this.#access.close();
  }
}
