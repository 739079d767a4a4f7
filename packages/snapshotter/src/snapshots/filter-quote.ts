/**
 * Takes the quotes and escapes of Go string literals off a text. `/` and `|` quote regular
 * expressions. Rules: containerd's `pkg/filters/quote.go`.
 */

const SIMPLE: Readonly<Record<string, number>> = {
  a: 7,
  b: 8,
  t: 9,
  n: 10,
  v: 11,
  f: 12,
  r: 13,
  '\\': 92,
};
const DIGITS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };
const CODE_POINT_MAX = 0x10ffff;

/** The text inside; undefined when it is not such a literal. */
export function unquote(literal: string): string | undefined {
  const quote = literal.charAt(0);
  if (literal.length < 2 || literal.at(-1) !== quote) return undefined;
  const parts: Buffer[] = [];
  let rest = literal.slice(1, -1);
  while (rest !== '') {
    const plain = /^[^\\]+/.exec(rest)?.[0] ?? '';
    if (plain.includes(quote) || plain.includes('\n')) return undefined;
    parts.push(Buffer.from(plain));
    rest = rest.slice(plain.length);
    if (rest === '') break;
    const sequence = readEscape(rest, quote);
    if (sequence === undefined) return undefined;
    parts.push(sequence.bytes);
    rest = rest.slice(sequence.length);
  }
  return Buffer.concat(parts).toString('utf8');
}

type Escape = { readonly bytes: Buffer; readonly length: number };

function readEscape(text: string, quote: string): Escape | undefined {
  const letter = text.charAt(1);
  if (letter === quote && letter !== '') return { bytes: Buffer.from(quote), length: 2 };
  const simple = Object.hasOwn(SIMPLE, letter) ? SIMPLE[letter] : undefined;
  if (simple !== undefined) return { bytes: Buffer.of(simple), length: 2 };
  const digits = Object.hasOwn(DIGITS, letter) ? DIGITS[letter] : undefined;
  if (digits !== undefined) return readHexadecimal(text, letter, digits);
  const [octal] = /^[0-7]{3}/.exec(text.slice(1)) ?? [];
  if (octal === undefined || Number.parseInt(octal, 8) > 255) return undefined;
  return { bytes: Buffer.of(Number.parseInt(octal, 8)), length: 4 };
}

/** `\x` is a byte, `\u` and `\U` are characters. */
function readHexadecimal(text: string, letter: string, digits: number): Escape | undefined {
  const hex = text.slice(2, 2 + digits);
  if (hex.length < digits || !/^[0-9a-fA-F]+$/.test(hex)) return undefined;
  const value = Number.parseInt(hex, 16);
  if (value > CODE_POINT_MAX) return undefined;
  const bytes = letter === 'x' ? Buffer.of(value) : Buffer.from(String.fromCodePoint(value));
  return { bytes, length: 2 + digits };
}
