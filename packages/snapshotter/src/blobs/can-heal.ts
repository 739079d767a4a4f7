/** Which failures of a source a reader that waits may outlive. */
import { errorCode, isRetryable } from '@shoal/errors';

/**
 * Whether a reader that waits may get its bytes at last. Beside what the client calls retryable:
 * credentials that have ended are renewed, a certificate too, and a clock that was wrong is set.
 */
export function canHeal(error: unknown): boolean {
  const code = errorCode(error);
  const isRenewed =
    code === 'ERR_REGISTRY_CLIENT_UNAUTHORIZED' || code === 'ERR_REGISTRY_CLIENT_TLS';
  return isRenewed || isRetryable(error);
}
