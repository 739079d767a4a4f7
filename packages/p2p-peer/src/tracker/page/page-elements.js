/**
 * Elements of the page. Whatever comes from hosts becomes text, never markup, and characters that
 * would turn the direction of text or that nobody sees are written out.
 */

const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** The text, with everything in it visible. */
export function visible(text) {
  return String(text).replace(UNSEEN, (character) => {
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
}

/** An element with classes and children; a child may be a text. */
export function element(tag, classes = '', ...children) {
  const made = document.createElement(tag);
  if (classes !== '') made.className = classes;
  made.append(...children);
  return made;
}

/** Changes nothing when it is so already: what somebody has selected stays selected. */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

/** A name from somewhere else: isolated, cut by the style sheet, whole in its tooltip. */
export function setName(target, name) {
  const text = visible(name);
  setText(target, text);
  if (target.title !== text) target.title = text;
}

export function name(tag = 'bdi') {
  return element(tag, 'name');
}

/** A bar of parts; what it says stands in its label. */
export function bar(classes = '') {
  const made = element('span', `bar ${classes}`.trim());
  made.setAttribute('role', 'img');
  return made;
}

/** `parts`: { kind, share } with shares from 0 to 1. */
export function setBar(target, words, parts) {
  const label = visible(words);
  if (target.getAttribute('aria-label') !== label) target.setAttribute('aria-label', label);
  reconcile(
    target,
    parts,
    ({ kind }) => kind,
    () => element('span'),
    (part, { kind, share }) => {
      part.className = kind === 'tick' ? 'tick' : `part ${kind}`;
      const percent = `${(100 * Math.min(1, Math.max(0, share))).toFixed(2)}%`;
      if (kind === 'tick') part.style.insetInlineStart = percent;
      else part.style.width = percent;
    },
  );
}

/**
 * Makes the children of `parent` those of `items`, in their order. A child stays the same element as long as
 * its key is there, so focus, selection and open details survive an update.
 */
export function reconcile(parent, items, keyOf, create, update) {
  parent.known ??= new Map();
  const known = parent.known;
  const left = new Set(known.keys());
  let place = parent.firstElementChild;
  for (const item of items) {
    const key = keyOf(item);
    left.delete(key);
    let child = known.get(key);
    if (child === undefined) {
      child = create(item);
      known.set(key, child);
    }
    if (child === place) place = place.nextElementSibling;
    else parent.insertBefore(child, place);
    update(child, item);
  }
  for (const key of left) {
    known.get(key)?.remove();
    known.delete(key);
  }
}

/** `1.5 MiB` */
export function formatBytes(bytes) {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(unit === 0 || value >= 100 ? 0 : 1)} ${UNITS[unit]}`;
}

export function formatRate(bytesPerSecond) {
  return bytesPerSecond < 1 ? '0' : `${formatBytes(bytesPerSecond)}/s`;
}

export function formatPercent(share) {
  // All of it only when it is all of it.
  const percent = share >= 1 ? 100 : Math.min(99, Math.floor(100 * share));
  return `${percent} %`;
}

/** Milliseconds, as people say them. */
export function formatDuration(milliseconds) {
  if (milliseconds < 10) return `${milliseconds.toFixed(1)} ms`;
  if (milliseconds < 1000) return `${milliseconds.toFixed(0)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 90) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = seconds / 60;
  return minutes < 90 ? `${minutes.toFixed(0)} min` : `${(minutes / 60).toFixed(0)} h`;
}

export function plural(count, word, words = `${word}s`) {
  return `${count} ${count === 1 ? word : words}`;
}
