/**
 * Everything the commands print goes through here. Names come from strangers' images and from
 * shells: whatever a terminal would obey (control characters, C1 codes, text direction marks) is
 * printed as an escape. A reader that stops reading (`| head`) ends the command quietly.
 */
import { errorCode } from '@shoal/errors';
import { OutputClosedError, OutputError } from './errors.ts';

/** Lines are collected up to this size: one system call per line is slow for large listings. */
const FLUSH_AT = 64 * 1024;

/** C0, DEL, C1, line and paragraph separators, direction marks, the byte order mark. */
const UNPRINTABLE =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the purpose
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]|\p{Surrogate}/gu;

/** The text on one line, without anything a terminal would interpret. */
export function escapeText(text: string): string {
  return text.replace(UNPRINTABLE, (character) => {
    const code = character.charCodeAt(0);
    if (code === 0x0a) return '\\n';
    if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
    return `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

/** JSON of a value, indented, with every unprintable character as a JSON escape. */
export function formatJson(value: unknown): string {
  const text = JSON.stringify(value, undefined, 2);
  return text.replace(UNPRINTABLE, (character) => {
    if (character === '\n') return character;
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** Where output goes: a stream of the process, or a collector in tests. */
export type OutputStream = {
  write(chunk: Uint8Array | string, callback: (error?: Error | null) => void): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
};

export class Output {
  readonly #stream: OutputStream;
  #pending = '';

  constructor(stream: OutputStream) {
    this.#stream = stream;
  }

  get isTerminal(): boolean {
    return this.#stream.isTTY === true;
  }

  /** Width of the terminal in characters; some terminals say 0. */
  get columns(): number {
    return this.#stream.columns || 80;
  }

  /** Prints one line; line breaks inside it are escaped. */
  async line(text: string): Promise<void> {
    this.#pending += `${escapeText(text)}\n`;
    if (this.#pending.length >= FLUSH_AT) await this.flush();
  }

  /** Prints a value as indented JSON. */
  async json(value: unknown): Promise<void> {
    this.#pending += `${formatJson(value)}\n`;
    await this.flush();
  }

  /** Prints a list as JSON, item by item: a listing of any length takes no memory. */
  async jsonList(items: Iterable<unknown>): Promise<void> {
    let separator = '[';
    for (const item of items) {
      const text = formatJson(item).replaceAll('\n', '\n  ');
      this.#pending += `${separator}\n  ${text}`;
      separator = ',';
      if (this.#pending.length >= FLUSH_AT) await this.flush();
    }
    this.#pending += separator === '[' ? '[]\n' : '\n]\n';
    await this.flush();
  }

  /** Writes bytes as they are. */
  async bytes(data: Uint8Array): Promise<void> {
    await this.flush();
    await this.#write(data);
  }

  /** Keeps text that is already safe until the next `flush`. */
  queue(text: string): void {
    this.#pending += text;
  }

  /** Writes text that is already safe (help pages, progress control sequences). */
  async raw(text: string): Promise<void> {
    this.#pending += text;
    await this.flush();
  }

  /** Resolves when everything printed so far has been written. */
  async flush(): Promise<void> {
    if (this.#pending === '') return;
    const text = this.#pending;
    this.#pending = '';
    await this.#write(text);
  }

  #write(data: Uint8Array | string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stream.write(data, (error) => {
        if (error === undefined || error === null) resolve();
        else if (errorCode(error) === 'EPIPE') reject(new OutputClosedError({ cause: error }));
        else reject(new OutputError(error.message, { cause: error }));
      });
    });
  }
}
