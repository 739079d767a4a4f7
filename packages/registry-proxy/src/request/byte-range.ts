/**
 * The one range of bytes that a `Range` header asks for. Several ranges, and what cannot be read, are
 * answered with the whole blob, as the specification allows. Spec: RFC 9110 section 14.
 */

/** First byte, and the first behind the last. */
export type ByteSpan = { readonly start: number; readonly end: number };

/** Undefined: the whole; 'outside': no byte of it. */
export function parseByteRange(
  header: string | undefined,
  size: number,
): ByteSpan | 'outside' | undefined {
  const match = /^bytes=\s*(\d{0,15})\s*-\s*(\d{0,15})\s*$/i.exec(header ?? '');
  const [, first = '', last = ''] = match ?? [];
  if (match === null || (first === '' && last === '')) return undefined;
  // Some clients ask for a range of everything: an empty blob has nothing but its whole.
  if (size === 0) return Number(first) === 0 && first !== '' ? undefined : 'outside';
  if (first === '') {
    const length = Math.min(Number(last), size);
    return length === 0 ? 'outside' : { start: size - length, end: size };
  }
  const start = Number(first);
  const end = last === '' ? size : Math.min(size, Number(last) + 1);
  return start < end ? { start, end } : 'outside';
}
