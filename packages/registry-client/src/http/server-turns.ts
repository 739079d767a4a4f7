/**
 * Requests for blobs to one server, of the whole process: so many wait for an answer at a time. When the
 * server asks for silence (429 or 503 with `Retry-After`) nobody sends any until that is over; then one
 * goes first, and with each round of answers one more at a time, so that not all strike at once.
 */
import { StatusError } from '../errors.ts';
import {
  REQUESTS_UNANSWERED_MAX,
  SERVER_IDLE_MS,
  SERVER_PAUSE_MS_MAX,
  TURN_LOOK_MS_MIN,
} from '../limits.ts';
import type { HttpAnswer, Turn } from './messages.ts';
import { retryAfterMs } from './retry-after.ts';

export type TurnClock = {
  readonly nowMs: () => number;
  /** Calls back once, later; the answer cancels. */
  readonly schedule: (ms: number, run: () => void) => () => void;
};

type Waiting = {
  readonly turn: Turn;
  readonly admit: () => void;
  readonly refuse: (error: unknown) => void;
};

/** What came of a request: undefined, no answer. */
export type Leave = (answer: Pick<HttpAnswer, 'status' | 'headers'> | undefined) => void;

export class ServerTurns {
  readonly #where: string;
  readonly #clock: TurnClock;
  #waiting: Waiting[] = [];
  #underWay = 0;
  /** How many may be under way. */
  #window = REQUESTS_UNANSWERED_MAX;
  /** Below it the window grows with every answer, above it with every round of them. */
  #steady = 1;
  #answers = 0;
  #pausedUntilMs = Number.NEGATIVE_INFINITY;
  /** What the server said when it asked for silence. */
  #status = 429;
  #usedAtMs: number;
  #cancelTimer: (() => void) | undefined;

  constructor(where: string, clock: TurnClock) {
    this.#where = where;
    this.#clock = clock;
    this.#usedAtMs = clock.nowMs();
  }

  /** Nothing would be lost with it. */
  get isForgettable(): boolean {
    if (this.#underWay > 0 || this.#waiting.length > 0) return false;
    const idleMs = this.#clock.nowMs() - Math.max(this.#usedAtMs, this.#pausedUntilMs);
    return idleMs >= SERVER_IDLE_MS || (idleMs >= 0 && !this.#isNarrow);
  }

  get #isNarrow(): boolean {
    return this.#window < REQUESTS_UNANSWERED_MAX;
  }

  /** Resolves when the request may be sent. Rejects with the server's status, or the signal's reason. */
  async enter(turn: Turn, signal: AbortSignal | undefined): Promise<Leave> {
    signal?.throwIfAborted();
    const pauseMs = this.#pausedUntilMs - this.#clock.nowMs();
    if (pauseMs > turn.waitMsMax) throw this.#refusal(pauseMs);
    if (pauseMs > 0 || this.#waiting.length > 0 || this.#underWay >= this.#window) {
      await this.#wait(turn, signal);
    } else this.#underWay++;
    return (answer) => this.#left(answer);
  }

  async #wait(turn: Turn, signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting: Waiting = { turn, admit: resolve, refuse: reject };
    const leave = (error: unknown) => {
      if (!this.#waiting.includes(waiting)) return;
      this.#waiting = this.#waiting.filter((other) => other !== waiting);
      reject(error);
    };
    const onAbort = () => leave(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    this.#waiting.push(waiting);
    let cancel: () => void;
    const look = () => {
      // Who waits for answers only has the time limits of those, as long as that is so.
      const pauseMs = this.#pausedUntilMs - this.#clock.nowMs();
      if (this.#isNarrow || pauseMs > 0) leave(this.#refusal(pauseMs));
      else cancel = this.#clock.schedule(Math.max(turn.waitMsMax, TURN_LOOK_MS_MIN), look);
    };
    cancel = this.#clock.schedule(turn.waitMsMax, look);
    this.#admit();
    try {
      await promise;
    } finally {
      cancel();
      signal?.removeEventListener('abort', onAbort);
    }
  }

  #left(answer: Parameters<Leave>[0]): void {
    this.#underWay--;
    this.#usedAtMs = this.#clock.nowMs();
    const pauseMs = answer === undefined ? 0 : silenceAskedFor(answer);
    if (answer !== undefined && pauseMs > 0) this.#pause(pauseMs, answer.status);
    else if (answer !== undefined && answer.status !== 429 && answer.status < 500) this.#widen();
    this.#admit();
  }

  /** Answers to what was sent together count once. */
  #pause(pauseMs: number, status: number): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs >= this.#pausedUntilMs) {
      this.#steady = Math.max(1, Math.floor(this.#window / 2));
      this.#window = 1;
      this.#answers = 0;
    }
    this.#status = status;
    const untilMs = nowMs + Math.min(pauseMs, SERVER_PAUSE_MS_MAX);
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, untilMs);
  }

  #widen(): void {
    if (!this.#isNarrow || this.#clock.nowMs() < this.#pausedUntilMs) return;
    this.#answers++;
    if (this.#window >= this.#steady && this.#answers < this.#window) return;
    this.#answers = 0;
    this.#window++;
  }

  #admit(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#waiting.length === 0) return;
    const pauseMs = this.#pausedUntilMs - this.#clock.nowMs();
    if (pauseMs > 0) {
      this.#cancelTimer = this.#clock.schedule(Math.ceil(pauseMs), () => this.#admit());
      return;
    }
    while (this.#underWay < this.#window) {
      const next = this.#takeNext();
      if (next === undefined) return;
      this.#underWay++;
      next.admit();
    }
  }

  #takeNext(): Waiting | undefined {
    let best = this.#waiting[0];
    for (const waiting of this.#waiting) {
      if (best !== undefined && isBefore(waiting.turn, best.turn)) best = waiting;
    }
    this.#waiting = this.#waiting.filter((waiting) => waiting !== best);
    return best;
  }

  #refusal(pauseMs: number): StatusError {
    return new StatusError(
      `${this.#where}: answered with status ${this.#status} and wants no requests now`,
      this.#status,
      {
        retryable: true,
        wasWaitedFor: true,
        retryAfterMs: pauseMs > 0 ? Math.ceil(pauseMs) : undefined,
        remedy: 'the registry limits requests: wait, or log in for a higher limit',
      },
    );
  }
}

function isBefore(a: Turn, b: Turn): boolean {
  const ranks = a.rank() - b.rank();
  return ranks < 0 || (ranks === 0 && a.attempt > b.attempt);
}

function silenceAskedFor({ status, headers }: Pick<HttpAnswer, 'status' | 'headers'>): number {
  if (status !== 429 && status !== 503) return 0;
  return retryAfterMs(headers, Date.now()) ?? 0;
}
