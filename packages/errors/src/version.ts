/** The version of Shoal, as package.json at the root (of a release: beside the program) has it. */
import { readFileSync } from 'node:fs';

export const VERSION: string = readVersion();

function readVersion(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  const manifest: unknown = JSON.parse(text);
  const isKnown = typeof manifest === 'object' && manifest !== null && 'version' in manifest;
  if (isKnown && typeof manifest.version === 'string') return manifest.version;
  throw new Error('package.json names no version');
}
