/** Looks for secrets where none may be: as they are, in base64 at any offset, percent-encoded, in hex. */
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** By what they are, for who reads of a find. */
export type Secrets = ReadonlyMap<string, string>;

/** What looks like a secret, whichever it is. */
const PATTERNS: ReadonlyMap<string, RegExp> = new Map([
  ['an authorization', /\b(?:Bearer|Basic) [A-Za-z0-9+/=._~-]{12,}/],
  ['a signed query', /[?&](?:X-Amz-)?signature=(?!\.\.\.)[A-Za-z0-9%]{8,}/i],
  ['a token of hosts', /\bv1\.[A-Za-z0-9_-]{40,}/],
  ['a JSON Web Token', /\beyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}/],
  ['a private key', /PRIVATE KEY-----/],
]);

export class SecretScan {
  readonly #forms: readonly (readonly [string, string])[];

  constructor(secrets: Secrets) {
    this.#forms = [...secrets].flatMap(([name, secret]) =>
      formsOf(secret).map(([form, text]) => [`${name}, ${form}`, text] as const),
    );
  }

  /** What is in the text, with some of what is around it. */
  text(where: string, text: string): string[] {
    const found: string[] = [];
    for (const [name, form] of this.#forms) {
      const at = text.indexOf(form);
      if (at !== -1) found.push(`${where}: ${name}: ${around(text, at)}`);
    }
    for (const [name, pattern] of PATTERNS) {
      const at = text.search(pattern);
      if (at !== -1) found.push(`${where}: ${name}: ${around(text, at)}`);
    }
    return found;
  }

  /** What is in the files below the directory, without those of the paths. */
  files(directory: string, without: readonly string[] = []): string[] {
    return filesBelow(directory, without).flatMap((file) =>
      this.text(file, readFileSync(file, 'latin1')),
    );
  }
}

function filesBelow(directory: string, without: readonly string[] = []): string[] {
  return readdirSync(directory).flatMap((name) => {
    const path = join(directory, name);
    if (without.includes(path)) return [];
    const stat = lstatSync(path);
    if (stat.isDirectory()) return filesBelow(path, without);
    return stat.isFile() ? [path] : [];
  });
}

function around(text: string, at: number): string {
  return JSON.stringify(text.slice(Math.max(0, at - 160), at + 60));
}

function formsOf(secret: string): readonly (readonly [string, string])[] {
  const bytes = Buffer.from(secret);
  return [
    ['as it is', secret],
    ['percent-encoded', encodeURIComponent(secret)],
    ['in hex', bytes.toString('hex')],
    // Behind "user:" it may begin anywhere in a group of three bytes; what others share is cut away.
    ...[0, 1, 2].map((offset) => {
      const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
      const start = offset === 0 ? 0 : 4;
      return ['in base64', text.slice(start, Math.floor((offset + bytes.length) / 3) * 4)] as const;
    }),
  ];
}
