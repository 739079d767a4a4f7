/**
 * What the configuration asks for and this daemon does not do: it starts all the same, so that mounts are served,
 * and nobody reads a log that he does not know to be interesting.
 */

type Parts<Value> = { readonly peer: Value; readonly proxy: Value; readonly api: Value };

const MISSING: Parts<string> = {
  peer: 'this host shares nothing, though there is a [peer] table: peer-not-started in the log says why',
  proxy:
    'no registry is mirrored, though [proxy] has a listen: proxy-not-served in the log says why',
  api: 'no gets can be ordered, though [api] has a listen: api-not-served in the log says why',
};

/** Undefined stands for what is not configured, or does not run. */
export function missingParts(wanted: Parts<unknown>, running: Parts<unknown>): string[] {
  const names = ['peer', 'proxy', 'api'] as const;
  return names
    .filter((name) => wanted[name] !== undefined && running[name] === undefined)
    .map((name) => MISSING[name]);
}
