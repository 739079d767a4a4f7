/** Lists a tree in an order that does not depend on the file system. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Every file below a directory, relative to it, sorted; links are neither listed nor followed. */
export function listFiles(directory: string): string[] {
  return walk(directory, '').toSorted();
}

function walk(directory: string, below: string): string[] {
  return readdirSync(join(directory, below), { withFileTypes: true }).flatMap((entry) => {
    const path = join(below, entry.name);
    if (entry.isDirectory()) return walk(directory, path);
    return entry.isFile() ? [path] : [];
  });
}
