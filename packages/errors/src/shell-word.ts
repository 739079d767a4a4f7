/** Names in commands that a remedy proposes: what is copied into a shell has to mean the same there. */

const PLAIN = /^[\w@%+=:,./-]+$/;
/** Would break the line, or drive the terminal. */
const CONTROL = /\p{Cc}/u;

/** The text as one word of a POSIX shell; as it is when nothing in it is special. */
export function shellWord(text: string): string {
  if (PLAIN.test(text)) return text;
  if (CONTROL.test(text)) return `$'${escapeControls(text)}'`;
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** As POSIX.1-2024 and bash read `$'...'`: bytes in octal, three digits each. */
function escapeControls(text: string): string {
  return text
    .replaceAll(/[\\']/g, (character) => `\\${character}`)
    .replaceAll(/\p{Cc}/gu, (character) => {
      const bytes = [...Buffer.from(character)];
      return bytes.map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
    });
}
