/**
 * Mirrors that did not answer are left alone for a while: otherwise every read would wait for them
 * first. What a mirror does not have, or refuses, says nothing of its health.
 */
import { isRetryable } from '@shoal/errors';
import {
  DigestMismatchError,
  ProtocolError,
  SizeMismatchError,
  TlsError,
  UnreachableError,
} from '../errors.ts';
import type { RegistryHost } from '../hosts/registry-host.ts';
import { MIRROR_REST_MS } from '../limits.ts';

export class MirrorRest {
  readonly #endsAtMs = new Map<string, number>();

  isResting({ url }: RegistryHost): boolean {
    return (this.#endsAtMs.get(url?.href ?? '') ?? 0) > performance.now();
  }

  note({ url }: RegistryHost, error: unknown): void {
    const isIll =
      isRetryable(error) ||
      error instanceof UnreachableError ||
      error instanceof TlsError ||
      error instanceof ProtocolError ||
      error instanceof DigestMismatchError ||
      error instanceof SizeMismatchError;
    if (isIll && url !== undefined)
      this.#endsAtMs.set(url.href, performance.now() + MIRROR_REST_MS);
  }
}
