/**
 * Cuts a filter of containerd into tokens. The rules, odd ones included, are those of containerd's
 * `pkg/filters/scanner.go`: what it takes is taken, what it refuses is refused.
 */

export type TokenKind = 'end' | 'quoted' | 'value' | 'field' | 'separator' | 'operator' | 'illegal';

export type Token = {
  readonly kind: TokenKind;
  /** Of the first character. */
  readonly at: number;
  readonly text: string;
};

const SPACE = /^\p{White_Space}$/u;
const FIELD = /^[A-Za-z0-9_]$/;
const VALUE = /^[\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}]$/u;
const OPERATORS = '=!~';
const QUOTES = '/|"';
const SEPARATORS = ',.';

export class FilterScanner {
  readonly #characters: readonly string[];
  #at = 0;
  /** An operator was read: a value is expected. */
  #isValueNext = false;
  /** Why a token is illegal. */
  problem = '';

  constructor(filter: string) {
    this.#characters = [...filter];
  }

  get position(): number {
    return this.#at;
  }

  /** The next character, spaces too; undefined at the end. */
  peek(): string | undefined {
    return this.#characters[this.#at];
  }

  next(): Token {
    while (isMatch(SPACE, this.peek())) this.#at += 1;
    const at = this.#at;
    const kind = this.#read(this.#characters[at]);
    return { kind, at, text: this.#characters.slice(at, this.#at).join('') };
  }

  #read(first: string | undefined): TokenKind {
    if (first === undefined) return 'end';
    this.#at += 1;
    // What was not UTF-8 arrives as U+FFFD.
    if (first === '\0' || first === '\uFFFD') return this.#illegal('a character is not allowed');
    if (QUOTES.includes(first)) return this.#quoted(first) ? 'quoted' : 'illegal';
    if (SEPARATORS.includes(first)) {
      this.#isValueNext = false;
      return 'separator';
    }
    if (OPERATORS.includes(first)) {
      this.#skip((character) => OPERATORS.includes(character));
      this.#isValueNext = true;
      return 'operator';
    }
    if (this.#isValueNext) {
      this.#skip(
        (character) => character !== ',' && VALUE.test(character) && !SPACE.test(character),
      );
      this.#isValueNext = false;
      return 'value';
    }
    if (!FIELD.test(first)) return this.#illegal('a field or a quoted text is expected');
    this.#skip((character) => FIELD.test(character));
    return 'field';
  }

  /** Up to the closing quote; the escapes inside are looked at when the text is unquoted. */
  #quoted(quote: string): boolean {
    for (;;) {
      const character = this.#characters[this.#at];
      if (character === undefined || character === '\n') break;
      this.#at += character === '\\' ? 2 : 1;
      if (character === quote) return true;
    }
    this.#at = Math.min(this.#at, this.#characters.length);
    this.#illegal('the quoted text does not end');
    return false;
  }

  #skip(belongs: (character: string) => boolean): void {
    for (let next = this.peek(); next !== undefined && belongs(next); next = this.peek()) {
      this.#at += 1;
    }
  }

  #illegal(problem: string): 'illegal' {
    if (this.problem === '') this.problem = problem;
    return 'illegal';
  }
}

function isMatch(pattern: RegExp, character: string | undefined): boolean {
  return character !== undefined && pattern.test(character);
}
