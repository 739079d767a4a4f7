/**
 * What became of what this host asked of others, and of what others asked of it: for people who want to
 * know why something was slow. Numbers since the start, which metrics and `shoal status` take from here.
 */
import type { Offence } from './select/bans.ts';
import type { Distance } from './select/candidate.ts';
import type { AskReason } from './select/read-action.ts';

/**
 * How the ask of one block ended. `overtaken`: somebody else, or the origin, answered first; `late` and `silent`:
 * it was given up; `lost`: its wire closed; `unwanted`: its reader has gone, or has found somebody better.
 */
export type BlockOutcome =
  | 'answered'
  | 'overtaken'
  | 'busy'
  | 'unavailable'
  | 'late'
  | 'silent'
  | 'lost'
  | 'unwanted';

/** Who gave bytes that were not what their digest says. */
export type WrongSource = 'host' | 'origin' | 'store';

/** Why one who came was sent away: his token, what else he says of himself, or that nothing is shared with him. */
export type ArrivalRefusal = 'token' | 'handshake' | 'unshared';

export type CountedPeer = {
  /** Asks by why that host was asked; a hedge is a second one for a block that is late. */
  readonly asked: Readonly<Record<AskReason, number>>;
  readonly outcomes: Readonly<Record<BlockOutcome, number>>;
  readonly bans: Readonly<Record<Offence, number>>;
  readonly wrongBytes: Readonly<Record<WrongSource, number>>;
  readonly arrivalsRefused: Readonly<Record<ArrivalRefusal, number>>;
  /** `unreachable`: nobody answered; `refused`: it was there, and shares the blob not with us, or not now. */
  readonly dialsFailed: Readonly<Record<'unreachable' | 'refused', number>>;
  readonly uploadsRefused: Readonly<Record<'busy' | 'unavailable', number>>;
  /** Reads of origins for others. */
  readonly homeReads: Readonly<Record<'done' | 'failed', number>>;
  readonly homeBytes: number;
};

type Mutable<T> = {
  -readonly [K in keyof T]: T[K] extends number ? number : { -readonly [L in keyof T[K]]: T[K][L] };
};

export type TimedBlock = { readonly distance: Distance; readonly seconds: number };

export class PeerCounts {
  readonly #counts: Mutable<CountedPeer> = {
    asked: { holder: 0, home: 0, hedge: 0 },
    outcomes: {
      ...{ answered: 0, overtaken: 0, busy: 0, unavailable: 0 },
      ...{ late: 0, silent: 0, lost: 0, unwanted: 0 },
    },
    bans: { silent: 0, late: 0, lied: 0, suspect: 0 },
    wrongBytes: { host: 0, origin: 0, store: 0 },
    arrivalsRefused: { token: 0, handshake: 0, unshared: 0 },
    dialsFailed: { unreachable: 0, refused: 0 },
    uploadsRefused: { busy: 0, unavailable: 0 },
    homeReads: { done: 0, failed: 0 },
    homeBytes: 0,
  };
  readonly #onBlock: (block: TimedBlock) => void;

  constructor(onBlock: (block: TimedBlock) => void = () => undefined) {
    this.#onBlock = onBlock;
  }

  asked(reason: AskReason): void {
    this.#counts.asked[reason] += 1;
  }

  ended(outcome: BlockOutcome): void {
    this.#counts.outcomes[outcome] += 1;
  }

  /** A block has come: how long after it was asked for, a dial included. */
  took(distance: Distance, ms: number): void {
    this.#onBlock({ distance, seconds: ms / 1000 });
  }

  readonly banned = (offence: Offence): void => {
    this.#counts.bans[offence] += 1;
  };

  wrong(source: WrongSource, bytes: number): void {
    this.#counts.wrongBytes[source] += bytes;
  }

  arrivalRefused(why: ArrivalRefusal): void {
    this.#counts.arrivalsRefused[why] += 1;
  }

  dialFailed(how: 'unreachable' | 'refused'): void {
    this.#counts.dialsFailed[how] += 1;
  }

  uploadRefused(why: 'busy' | 'unavailable'): void {
    this.#counts.uploadsRefused[why] += 1;
  }

  homeRead(outcome: 'done' | 'failed'): void {
    this.#counts.homeReads[outcome] += 1;
  }

  homeFetched(bytes: number): void {
    this.#counts.homeBytes += bytes;
  }

  /** As they are now. */
  all(): CountedPeer {
    return structuredClone(this.#counts);
  }
}
