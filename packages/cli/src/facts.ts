/** Nested facts as indented `name: value` lines. */
import type { Output } from './output.ts';
import { formatBytes } from './quantity-text.ts';

const INDENT = '  ';

/** Prints an object, one line a value; lists of objects as blocks. */
export async function printFacts(output: Output, facts: object, indent = ''): Promise<void> {
  for (const [key, value] of Object.entries(facts)) {
    if (value === undefined) continue;
    await printFact(output, labelOf(key), value, indent);
  }
}

async function printFact(
  output: Output,
  label: string,
  value: unknown,
  indent: string,
): Promise<void> {
  if (!isNested(value)) {
    await output.line(`${indent}${label}: ${formatValue(label, value)}`);
    return;
  }
  await output.line(`${indent}${label}:`);
  if (!Array.isArray(value)) {
    await printFacts(output, value, indent + INDENT);
    return;
  }
  for (const item of value) await printItem(output, item, indent + INDENT);
}

async function printItem(output: Output, item: unknown, indent: string): Promise<void> {
  if (typeof item !== 'object' || item === null) {
    await output.line(`${indent}- ${String(item)}`);
    return;
  }
  await output.line(`${indent}-`);
  await printFacts(output, item, indent + INDENT);
}

/** Lists of words go on one line. */
function isNested(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  if (!Array.isArray(value)) return true;
  return value.some((item) => typeof item === 'object' || String(item).includes('/'));
}

function formatValue(label: string, value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.join(', ');
  if (typeof value === 'number' && /bytes$/i.test(label)) return exactBytes(value);
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return String(value);
}

/** `1048576 (1.0 MiB)` */
function exactBytes(bytes: number): string {
  return bytes < 1024 ? String(bytes) : `${bytes} (${formatBytes(bytes)})`;
}

/** `chunkSizeBytes` becomes `chunk size bytes`. */
function labelOf(key: string): string {
  return key.replaceAll(/([a-z0-9])([A-Z])/g, (_, low: string, high: string) => {
    return `${low} ${high.toLowerCase()}`;
  });
}
