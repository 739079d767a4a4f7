/** The parts of the page below its head, each from what the tracker tells. */
import {
  bar,
  element,
  formatBytes,
  formatDuration,
  formatPercent,
  formatRate,
  name,
  plural,
  reconcile,
  setBar,
  setName,
  setText,
} from './page-elements.js';

export const SOURCES = [
  ['local', 'own store'],
  ['rack', 'same rack'],
  ['zone', 'same zone'],
  ['other', 'other zones'],
  ['origin', 'registry'],
];

export function share(part, whole) {
  return whole > 0 ? part / whole : 0;
}

/** What comes from elsewhere and from the own store, by source. */
export function received(rates) {
  return SOURCES.reduce((sum, [source]) => sum + rates[source], 0);
}

export function ratesLabel(rates) {
  const parts = SOURCES.filter(([source]) => rates[source] >= 1).map(
    ([source, label]) => `${label} ${formatRate(rates[source])}`,
  );
  return parts.length === 0 ? 'nothing' : parts.join(', ');
}

export function showTraffic(target, { totals }) {
  const { rates } = totals;
  const all = received(rates);
  target.bar ??= target.appendChild(bar('tall'));
  target.legend ??= target.appendChild(element('ul', 'legend'));
  const parts = SOURCES.map(([kind]) => ({ kind, share: share(rates[kind], all) }));
  setBar(target.bar, ratesLabel(rates), parts);
  const lines = SOURCES.map(([kind, label]) => ({
    kind,
    text: `${label} ${formatRate(rates[kind])} (${formatPercent(share(rates[kind], all))})`,
  }));
  const sums = {
    kind: 'sum',
    text: `all ${formatRate(all)}, hosts send ${formatRate(rates.upload)}`,
  };
  reconcile(
    target.legend,
    [...lines, sums],
    ({ kind }) => kind,
    ({ kind }) => {
      const text = element('span');
      const item = element('li', '', element('span', kind === 'sum' ? '' : `key ${kind}`), text);
      item.text = text;
      return item;
    },
    (item, { text }) => setText(item.text, text),
  );
}

/** One line a holder: its name, a bar, words. */
function showRows(target, rows) {
  reconcile(
    target,
    rows,
    ({ key }) => key,
    () => {
      const row = element('div', 'row', name(), bar(), element('span', 'number'));
      return row;
    },
    (row, { key, words, parts, isBad }) => {
      const [title, ownBar, text] = row.children;
      setName(title, key);
      setBar(ownBar, `${key}: ${words}`, parts);
      setName(text, words);
      text.className = isBad ? 'number bad' : 'number';
    },
  );
}

function newItem() {
  const title = name();
  const words = element('span', 'number');
  const below = name('span');
  below.classList.add('faint');
  const ownBar = bar();
  const summary = element('summary');
  const rows = element('div', 'rows');
  const more = element('p', 'note');
  const details = element('details', '', summary, rows, more);
  const item = element('div', 'item', element('div', 'line', title, words), below, ownBar, details);
  return Object.assign(item, { title_: title, words, below, ownBar, summary, rows, more });
}

export function showEmpty(target, text, isEmpty) {
  target.empty ??= target.appendChild(element('p', 'note', text));
  target.list ??= target.appendChild(element('div'));
  target.empty.classList.toggle('hidden', !isEmpty);
}

export function showBlobs(target, { blobs, totals }) {
  showEmpty(target, 'No host has told of anything yet.', blobs.length === 0);
  reconcile(
    target.list,
    blobs,
    ({ blob }) => blob,
    newItem,
    (item, blob) => {
      const { sizeBytes, complete, partial, heldBytes, holders } = blob;
      const count = complete + partial;
      const average = share(heldBytes, count * sizeBytes);
      setName(item.title_, blob.name === '' ? blob.repository : blob.name);
      setText(item.words, formatBytes(sizeBytes));
      setName(
        item.below,
        `${blob.name === '' ? '' : `${blob.repository}, `}blob ${blob.blob.slice(0, 12)}`,
      );
      setBar(item.ownBar, `on average ${formatPercent(average)} of it`, [
        { kind: average >= 1 ? 'done' : '', share: average },
      ]);
      setText(
        item.summary,
        `${plural(count, 'host')}: ${complete} whole, ${partial} partly, on average ${formatPercent(average)}`,
      );
      showRows(
        item.rows,
        holders.map(({ host, heldBytes: held }) => ({
          key: host,
          words: `${formatPercent(share(held, sizeBytes))}, ${formatBytes(held)}`,
          parts: [{ kind: held >= sizeBytes ? 'done' : '', share: share(held, sizeBytes) }],
        })),
      );
      setText(item.more, count > holders.length ? `and ${count - holders.length} more` : '');
    },
  );
  target.more ??= target.appendChild(element('p', 'note'));
  const hidden = totals.blobs - blobs.length;
  setText(target.more, hidden > 0 ? `and ${plural(hidden, 'blob')} that fewer hosts have` : '');
}

function preheatShare({ bytesDone, bytesTotal }) {
  return bytesTotal === 0 ? 'not begun' : formatPercent(share(bytesDone, bytesTotal));
}

function preheatWords(state, done, message) {
  if (message !== undefined && message !== '') return `${state}: ${message}`;
  return state === 'running' ? `${state}, ${formatPercent(done)}` : state;
}

export function showPreheats(target, { preheats, nowMs }) {
  showEmpty(target, 'None was ordered. shoal preheat orders one.', preheats.length === 0);
  reconcile(
    target.list,
    preheats,
    ({ id }) => id,
    newItem,
    (item, preheat) => {
      const { counts, bytesDone, bytesTotal, hosts, isCancelled } = preheat;
      const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
      const done = share(counts.done, all);
      const words = Object.entries(counts).filter(([, count]) => count > 0);
      setName(item.title_, preheat.reference);
      setText(item.words, isCancelled ? 'cancelled' : preheatShare(preheat));
      const age = formatDuration(Math.max(0, nowMs - preheat.createdAtMs));
      const soFar =
        bytesTotal === 0 ? '' : `, ${formatBytes(bytesDone)} of ${formatBytes(bytesTotal)} so far`;
      setName(item.below, `ordered ${age} ago${soFar}`);
      setBar(item.ownBar, words.map(([state, count]) => `${state} ${count}`).join(', '), [
        { kind: 'done', share: done },
        { kind: 'failed', share: share(counts.failed, all) },
        { kind: '', share: share(counts.running, all) * share(bytesDone, bytesTotal) },
      ]);
      setText(
        item.summary,
        `${plural(all, 'host')}: ${words.map(([state, count]) => `${count} ${state}`).join(', ')}`,
      );
      showRows(
        item.rows,
        hosts.map(({ host, state, bytesDone: own, bytesTotal: total, message }) => ({
          key: host,
          words: preheatWords(state, share(own, total), message),
          isBad: state === 'failed',
          parts: [
            {
              kind: state === 'running' ? '' : state,
              share: state === 'done' ? 1 : share(own, total),
            },
          ],
        })),
      );
      setText(item.more, all > hosts.length ? `and ${all - hosts.length} more` : '');
    },
  );
}

export function showSlowest(target, { slowest }) {
  showEmpty(target, 'No host has waited for anything lately.', slowest.length === 0);
  target.list.className = 'rows';
  const most = Math.max(1, ...slowest.map(({ p99 }) => p99));
  showRows(
    target.list,
    slowest.map(({ host, p50, p99 }) => ({
      key: host,
      words: `${formatDuration(p99)} (median ${formatDuration(p50)})`,
      parts: [
        { kind: 'origin', share: share(p99, most) },
        { kind: 'tick', share: share(p50, most) },
      ],
    })),
  );
}
