/** What goes wrong between hosts and trackers. No message holds a token. */
import { ShoalError } from '@shoal/errors';
import { quoted } from '@shoal/oci';

/** A tracker is asked for something by somebody who may not have it, or in words it does not know. */
export class TrackerRequestError extends ShoalError {
  override readonly code = 'ERR_P2P_TRACKER_REQUEST';
  /** Of HTTP. */
  readonly status: number;

  constructor(status: number, detail: string) {
    super(detail, {
      remedy: 'docs/tracker.md says what it takes; the token is that of its --admin-token',
      retryable: status === 429,
    });
    this.status = status;
  }
}

/** A tracker answers with something else than it should. */
export class TrackerAnswerError extends ShoalError {
  override readonly code = 'ERR_P2P_TRACKER_ANSWER';

  constructor(tracker: string, detail: string, options: { readonly cause?: unknown } = {}) {
    super(`tracker ${quoted(tracker)} ${detail}`, {
      remedy: 'see its log, and whether it is of the same version',
      retryable: true,
      ...options,
    });
  }
}

/** No tracker can be reached. */
export class TrackerAwayError extends ShoalError {
  override readonly code = 'ERR_P2P_TRACKER_AWAY';

  constructor(tracker: string, detail: string, options: { readonly cause?: unknown } = {}) {
    super(`tracker ${quoted(tracker)} is away: ${detail}`, {
      remedy:
        'see whether it runs and can be reached; for orders give the address of its --page-listen (http://HOST:4021), not the port of hosts (4020)',
      retryable: true,
      ...options,
    });
  }
}

/** A tracker cannot listen, or is told to do what it cannot. */
export class TrackerOptionsError extends ShoalError {
  override readonly code = 'ERR_P2P_TRACKER_OPTIONS';

  constructor(
    detail: string,
    options: { readonly cause?: unknown; readonly remedy?: string } = {},
  ) {
    super(detail, { remedy: 'see shoal tracker --help', ...options });
  }
}
