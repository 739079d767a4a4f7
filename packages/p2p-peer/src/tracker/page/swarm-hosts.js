/** The hosts by zone and rack: what each receives from where, holds, and waits for. */
import {
  bar,
  element,
  formatBytes,
  formatDuration,
  formatRate,
  name,
  plural,
  reconcile,
  setBar,
  setName,
  setText,
} from './page-elements.js';
import { ratesLabel, received, SOURCES, share, showEmpty } from './swarm-sections.js';

const COLUMNS = [
  ['Rack', ''],
  ['Host', ''],
  ['Role', ''],
  ['Receives', ''],
  ['', 'number'],
  ['Sends', 'number'],
  ['Blobs', 'number'],
  ['Holds', 'number'],
  ['Wait p50', 'number'],
  ['p99', 'number'],
  ['Heard', 'number'],
  ['Version', ''],
];
/** Silent for so long is worth a colour: two reports were missed. */
const SILENT_MS = 15_000;

function newZone() {
  const head = element('tr');
  for (const [label, classes] of COLUMNS) {
    const cell = element('th', classes, label);
    cell.scope = 'col';
    head.append(cell);
  }
  const body = element('tbody');
  const table = element('table', '', element('thead', '', head), body);
  const scroll = element('div', 'scroll', table);
  const title = element('h3');
  scroll.tabIndex = 0;
  scroll.setAttribute('role', 'region');
  return Object.assign(element('div', '', title, scroll), { heading: title, scroll, body });
}

function newHost() {
  const row = element('tr');
  for (const [index, [, classes]] of COLUMNS.entries()) {
    const cell = element(index === 1 ? 'th' : 'td', classes);
    if (index === 1) cell.scope = 'row';
    row.append(cell);
  }
  const [rack, host, role, receives, , , , , , , , version] = row.children;
  const own = { rack: name(), host: name(), role: element('span'), bar: bar(), version: name() };
  rack.append(own.rack);
  host.append(own.host);
  role.append(own.role);
  receives.append(own.bar);
  version.append(own.version);
  return Object.assign(row, { own });
}

function updateHost(row, host, most) {
  const { own, children } = row;
  const { rates, missMs, role } = host;
  const [, , , , receives, sends, blobs, holds, median, late, heard] = children;
  setName(own.rack, host.rack === '' ? '-' : host.rack);
  setName(own.host, host.host);
  own.host.title = host.address;
  setText(own.role, role);
  own.role.className = `role ${role === 'seed' ? 'seed' : ''}`;
  const parts = SOURCES.map(([kind]) => ({ kind, share: share(rates[kind], most) }));
  setBar(own.bar, ratesLabel(rates), parts);
  setText(receives, formatRate(received(rates)));
  setText(sends, formatRate(rates.upload));
  setText(blobs, String(host.blobs));
  setText(holds, formatBytes(host.heldBytes));
  setText(median, missMs === undefined ? '-' : formatDuration(missMs.p50));
  setText(late, missMs === undefined ? '-' : formatDuration(missMs.p99));
  setText(
    heard,
    `${formatDuration(Math.floor(host.silentMs / 1000) * 1000)} ago`.replace('.0 ', ' '),
  );
  heard.className = host.silentMs > SILENT_MS ? 'number bad' : 'number';
  setName(own.version, host.version);
}

export function showHosts(target, { hosts, totals }) {
  showEmpty(target, 'No host is here.', hosts.length === 0);
  const most = Math.max(1, ...hosts.map(({ rates }) => received(rates)));
  const zones = [...Map.groupBy(hosts, ({ zone }) => zone)];
  reconcile(
    target.list,
    zones,
    ([zone]) => zone,
    newZone,
    (part, [zone, own]) => {
      const title = zone === '' ? 'No zone' : `Zone ${zone}`;
      setName(part.heading, `${title}: ${plural(own.length, 'host')}`);
      part.scroll.setAttribute('aria-label', part.heading.textContent);
      reconcile(
        part.body,
        own,
        ({ host }) => host,
        newHost,
        (row, host) => updateHost(row, host, most),
      );
    },
  );
  target.more ??= target.appendChild(element('p', 'note'));
  const hidden = totals.hosts - totals.shown;
  setText(target.more, hidden > 0 ? `and ${plural(hidden, 'host')} that are not shown` : '');
}
