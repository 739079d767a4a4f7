/** INIT: what the kernel offers, what we take, and what a successor must know of it. */
import { FuseMessageError } from '../errors.ts';
import { FUSE_BACKGROUND_MAX, FUSE_PAGES_WANTED } from '../limits.ts';
import { FUSE_MAJOR, FUSE_MINOR, InitFlag, initOut } from './kernel-structs.ts';
import { encodeReply } from './reply.ts';
import type { FuseRequest } from './request.ts';
import type { InitAgreement } from './session-types.ts';

/** Flags we take when the kernel offers them. */
const WANTED =
  InitFlag.ASYNC_READ |
  InitFlag.ASYNC_DIO |
  InitFlag.PARALLEL_DIROPS |
  InitFlag.MAX_PAGES |
  InitFlag.INIT_EXT |
  InitFlag.HAS_RESEND;

/** Nobody writes; the smallest value the kernel accepts keeps read buffers small. */
const MAX_WRITE = 4096;
const PAGES_WITHOUT_MAX_PAGES = 32;
const LOW_HALF = 0xffff_ffffn;

export function agreeOnInit(request: FuseRequest): InitAgreement {
  if (request.kind !== 'init') throw new FuseMessageError(`${request.kind} came before INIT`);
  if (request.major !== FUSE_MAJOR) {
    throw new FuseMessageError(`protocol ${request.major}.${request.minor}, ours is ${FUSE_MAJOR}`);
  }
  const flags = request.flags & WANTED;
  return {
    major: FUSE_MAJOR,
    minor: Math.min(request.minor, FUSE_MINOR),
    maxReadahead: request.maxReadahead,
    maxWrite: MAX_WRITE,
    maxPages: (flags & InitFlag.MAX_PAGES) === 0n ? PAGES_WITHOUT_MAX_PAGES : FUSE_PAGES_WANTED,
    flags: flags.toString(),
  };
}

export function encodeInitReply(unique: bigint, init: InitAgreement): Buffer {
  const flags = BigInt(init.flags);
  const body = initOut.encode({
    major: init.major,
    minor: FUSE_MINOR,
    max_readahead: init.maxReadahead,
    flags: Number(flags & LOW_HALF),
    flags2: Number(flags >> 32n),
    max_background: FUSE_BACKGROUND_MAX,
    congestion_threshold: FUSE_BACKGROUND_MAX,
    max_write: init.maxWrite,
    time_gran: 1,
    max_pages: init.maxPages,
  });
  return encodeReply(unique, body);
}

/** True when the kernel can send unanswered requests again, which a takeover needs. */
export function canResend(init: InitAgreement): boolean {
  return (BigInt(init.flags) & InitFlag.HAS_RESEND) !== 0n;
}

const AGREEMENT_NUMBERS = ['major', 'minor', 'maxReadahead', 'maxWrite', 'maxPages'] as const;

/** An agreement read back from a file. */
export function parseInitAgreement(value: unknown): InitAgreement {
  const fields: Partial<Record<string, unknown>> =
    typeof value === 'object' && value !== null ? { ...value } : {};
  const number = (name: (typeof AGREEMENT_NUMBERS)[number]): number => {
    const field = fields[name];
    if (typeof field !== 'number' || !Number.isSafeInteger(field) || field < 0) {
      throw new FuseMessageError(`the stored INIT agreement has no ${name}`);
    }
    return field;
  };
  const flags = fields['flags'];
  if (typeof flags !== 'string' || !/^\d{1,20}$/.test(flags)) {
    throw new FuseMessageError('the stored INIT agreement has no flags');
  }
  return {
    major: number('major'),
    minor: number('minor'),
    maxReadahead: number('maxReadahead'),
    maxWrite: number('maxWrite'),
    maxPages: number('maxPages'),
    flags,
  };
}
