/**
 * Folders of a package that need each other. What lies side by side in a folder is compared: each file
 * for itself, each sub-folder as a whole. So a file beside the folders (`errors.ts`, `index.ts`) may be
 * below them or above them, not both.
 */
import { packageOf, resolveImport, type SourceFile } from './source-files.ts';

export type FolderCircle = {
  /** `node/src/control`, `node/src/trace.ts`: in order. */
  readonly members: readonly string[];
  /** What leads from one of them to another; some of it has to go. */
  readonly imports: readonly string[];
};

type Need = { readonly from: string; readonly to: string; readonly what: string };

export function findFolderCircles(files: readonly SourceFile[]): FolderCircle[] {
  const needs = files.flatMap(needsOf);
  const reached = reachableFrom(needs);
  const circles: FolderCircle[] = [];
  const done = new Set<string>();
  for (const [place, others] of [...reached].toSorted()) {
    if (done.has(place) || !others.has(place)) continue;
    const members = [...others].filter((other) => reached.get(other)?.has(place)).toSorted();
    for (const member of members) done.add(member);
    const inside = needs.filter(({ from, to }) => members.includes(from) && members.includes(to));
    circles.push({ members, imports: [...new Set(inside.map(({ what }) => what))] });
  }
  return circles;
}

/** What a file imports of its own package, seen from the folder that holds both. */
function needsOf({ path, imports }: SourceFile): Need[] {
  return imports.flatMap((specifier) => {
    const target = resolveImport(path, specifier);
    if (target === undefined || packageOf(target) !== packageOf(path) || target === path) return [];
    const [own, other] = [path, target].map((name) => name.split('/').slice(1));
    if (own === undefined || other === undefined) return [];
    const parts = own.findIndex((part, index) => part !== other[index]) + 1;
    const from = own.slice(0, parts).join('/');
    const to = other.slice(0, parts).join('/');
    return [{ from, to, what: `${own.join('/')} imports ${other.join('/')}` }];
  });
}

/** For each place all that it needs, directly or by way of others. */
function reachableFrom(needs: readonly Need[]): Map<string, ReadonlySet<string>> {
  const direct = new Map<string, Set<string>>();
  for (const { from, to } of needs) {
    const others = direct.get(from) ?? new Set<string>();
    direct.set(from, others.add(to));
  }
  const reached = new Map<string, ReadonlySet<string>>();
  for (const place of direct.keys()) {
    const seen = new Set<string>();
    const open = [place];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      for (const other of direct.get(next) ?? []) {
        if (!seen.has(other)) open.push(other);
        seen.add(other);
      }
    }
    reached.set(place, seen);
  }
  return reached;
}
