/** What the head of an answer says of a file on a web server: decoded, with nothing taken on trust. */
import { ProtocolError } from '../errors.ts';
import type { HttpAnswer } from '../http/messages.ts';
import { VALIDATOR_CHARACTERS_MAX } from '../limits.ts';

export type WebFacts = {
  /** Undefined where the server does not say. */
  readonly size: number | undefined;
  /** A strong ETag, or else the date: equal text, equal bytes, as far as the server says. */
  readonly validator: string | undefined;
  readonly hasRanges: boolean;
};

/** Of an answer with 200, 206 or 416 to a request for a range. */
export function webFactsOf(answer: HttpAnswer, where: string): WebFacts {
  const { status, headers } = answer;
  const encoding = headers.get('content-encoding') ?? 'identity';
  if (encoding !== 'identity') {
    throw new ProtocolError(`${where}: comes encoded although that was not asked for`, {
      remedy: 'ask whoever runs the server: such bytes are not those of the file',
    });
  }
  const hasRanges = status === 206 || status === 416;
  const text = hasRanges
    ? /^bytes (?:\d{1,15}-\d{1,15}|\*)\/(\d{1,15})$/.exec(headers.get('content-range') ?? '')?.[1]
    : headers.get('content-length');
  if (hasRanges && text === undefined) {
    throw new ProtocolError(`${where}: a range came that does not say of how many bytes`, {
      remedy: 'ask whoever runs the server',
    });
  }
  const size = text === undefined || !/^\d{1,15}$/.test(text) ? undefined : Number(text);
  return { size, validator: validatorOf(answer), hasRanges };
}

function validatorOf({ headers }: HttpAnswer): string | undefined {
  const etag = headers.get('etag');
  const isStrong = etag !== undefined && /^"[\x21\x23-\x7e]*"$/.test(etag);
  const date = headers.get('last-modified');
  const text = isStrong ? `etag ${etag}` : date === undefined ? undefined : `date ${date}`;
  return text !== undefined && text.length <= VALIDATOR_CHARACTERS_MAX ? text : undefined;
}
