/**
 * Packages from npm that are loaded only when they are needed, `await import('undici')`. Of one that is
 * CommonJS the bundler would export nothing but `default`; here each export has its name, as in Node.
 */
import { isBuiltin } from 'node:module';
import { pathToFileURL } from 'node:url';
import type { Plugin } from 'esbuild';

const NAMESPACE = 'lazy-package';

/** `external` stay packages: Node itself loads them. */
export function lazyPackages(external: readonly string[]): Plugin {
  return {
    name: 'lazy-packages',
    setup(build) {
      build.onResolve({ filter: /^[^./]/ }, ({ path, kind, resolveDir }) => {
        const isOurs = path.startsWith('@shoal/') || external.includes(path) || isBuiltin(path);
        if (kind !== 'dynamic-import' || isOurs) return undefined;
        return { path, namespace: NAMESPACE, pluginData: resolveDir };
      });
      build.onLoad({ filter: /^/, namespace: NAMESPACE }, async ({ path, pluginData }) => {
        const resolveDir = String(pluginData);
        const found = await build.resolve(path, { kind: 'import-statement', resolveDir });
        if (found.errors.length > 0) return { errors: found.errors };
        const names = await exportedNames(found.path);
        const contents = `export { ${names.join(', ')} } from ${JSON.stringify(path)};`;
        return { contents, resolveDir, loader: 'js' };
      });
    },
  };
}

async function exportedNames(file: string): Promise<string[]> {
  const exported: object = await import(pathToFileURL(file).href);
  return Object.keys(exported).filter((name) => /^[\w$]+$/.test(name));
}
