/** The version of this checkout, as package.json at the root has it. */
import { readFileSync } from 'node:fs';

export const VERSION: string = readVersion();

function readVersion(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  const manifest: unknown = JSON.parse(text);
  const isKnown = typeof manifest === 'object' && manifest !== null && 'version' in manifest;
  return isKnown && typeof manifest.version === 'string' ? manifest.version : '0.0.0';
}
