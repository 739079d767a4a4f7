/**
 * Names of files that a stranger chose (layers of an artifact, the end of a URL) as paths below a
 * directory: nothing that leads out of it, nothing that a terminal or a shell would take for more.
 */
import { TitleError } from '../errors.ts';
import { NAME_BYTES_MAX, TITLE_BYTES_MAX } from '../limits.ts';

/** Names that this program gives to what it has not finished. */
const OWN_SUFFIX = /\.shoal-[a-z]+$/;

/** Overrides, embeddings and isolates of directions, and breaks of lines that are no control characters. */
const TURNS = /[\u202a-\u202e\u2066-\u2069\u2028\u2029]/u;

/** The parts of the path. Throws `ERR_DOWNLOADS_TITLE`. */
export function titleParts(title: string): readonly [string, ...string[]] {
  const wrong = problemOf(title);
  if (wrong !== undefined) throw new TitleError(title, wrong);
  const [first = '', ...rest] = title.split('/');
  return [first, ...rest];
}

function problemOf(title: string): string | undefined {
  if (title === '') return 'which is no name';
  if (Buffer.byteLength(title) > TITLE_BYTES_MAX) return 'which is too long';
  if (title.startsWith('/')) return 'which is an absolute path';
  if (/\p{Cc}|\p{Surrogate}/u.test(title)) return 'which has control characters';
  // A name that reads as another one: `invoice<U+202E>fdp.sh` ends in `.pdf` for who looks at it.
  if (TURNS.test(title)) return 'which turns the direction of writing';
  for (const part of title.split('/')) {
    if (part === '' || part === '.') return 'which has an empty part';
    if (part === '..') return 'which leads out of the directory';
    if (Buffer.byteLength(part) > NAME_BYTES_MAX) return 'which is too long';
    if (OWN_SUFFIX.test(part)) return 'which is a name of unfinished downloads';
  }
  return undefined;
}
