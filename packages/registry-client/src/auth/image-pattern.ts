/**
 * Patterns for images, as kubelet's credential providers have them: `*.azurecr.io`,
 * `registry.io:8080/path`. A glob stands for (part of) one label of the host name; a path is the
 * beginning of one. Spec: Kubernetes, "Configure image matching".
 */

type Parts = { readonly labels: readonly string[]; readonly port: string; readonly path: string };

/** Whether a pattern is meant for `host[:port]/repository`. */
export function isImageMatched(pattern: string, image: string): boolean {
  const wanted = split(pattern);
  const actual = split(image);
  return (
    wanted.port === actual.port &&
    wanted.labels.length === actual.labels.length &&
    actual.path.startsWith(wanted.path) &&
    wanted.labels.every((label, index) => matchesLabel(label, actual.labels[index] ?? ''))
  );
}

function split(text: string): Parts {
  const bare = text.replace(/^https?:\/\//, '');
  const slash = bare.indexOf('/');
  const authority = slash === -1 ? bare : bare.slice(0, slash);
  const [, host = authority, port = ''] = /^(.*):(\d*)$/.exec(authority) ?? [];
  const path = slash === -1 ? '' : bare.slice(slash);
  return { labels: host.toLowerCase().split('.'), port, path };
}

/** `*` is any text, `?` any character. In linear time: patterns come from programs. */
function matchesLabel(pattern: string, label: string): boolean {
  let at = 0;
  let position = 0;
  let star = -1;
  let resume = 0;
  while (position < label.length) {
    if (pattern[at] === '*') {
      star = at++;
      resume = position;
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === label[position])) {
      at++;
      position++;
    } else if (star === -1) {
      return false;
    } else {
      at = star + 1;
      position = ++resume;
    }
  }
  return /^\**$/.test(pattern.slice(at));
}
