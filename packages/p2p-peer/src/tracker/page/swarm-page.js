/** Asks the tracker every two seconds, and shows what it tells. */
import { plural, setText } from './page-elements.js';
import { showHosts } from './swarm-hosts.js';
import { showBlobs, showPreheats, showSlowest, showTraffic } from './swarm-sections.js';

const EVERY_MS = 2000;
const PATIENCE_MS = 5000;

const part = (id) => document.getElementById(id);
const filter = part('filter');
const pause = part('pause');
const state = part('state');

let isPaused = false;
let latest;
let answeredAtMs = Date.now();

async function update() {
  if (!isPaused && !document.hidden) {
    try {
      const answer = await fetch('v1/swarm', { signal: AbortSignal.timeout(PATIENCE_MS) });
      if (!answer.ok) throw new Error(`it answers ${answer.status}`);
      latest = await answer.json();
      answeredAtMs = Date.now();
      show();
      tell('', false);
    } catch (error) {
      const seconds = Math.round((Date.now() - answeredAtMs) / 1000);
      tell(`The tracker does not answer (${error.message}); this is ${seconds} s old.`, true);
    }
  }
  setTimeout(update, EVERY_MS);
}

function tell(text, isBad) {
  setText(state, text);
  state.classList.toggle('bad', isBad);
}

function show() {
  if (latest === undefined) return;
  const view = filtered(latest, filter.value.trim().toLowerCase());
  const { hosts, seeds, zones, blobs, peers, swarms } = latest.totals;
  const words = [
    `${plural(hosts, 'host')} (${plural(seeds, 'seed')}) in ${plural(zones, 'zone')}`,
    plural(blobs, 'blob'),
    `${plural(peers, 'peer')} in ${plural(swarms, 'swarm')}`,
    `as of ${new Date(latest.nowMs).toLocaleTimeString()}`,
  ];
  setText(part('totals'), words.join(' · '));
  showTraffic(part('traffic'), latest);
  showBlobs(part('blobs'), view);
  showPreheats(part('preheats'), view);
  showSlowest(part('slowest'), view);
  showHosts(part('hosts'), view);
}

/** Only what has the words somewhere in its names. */
function filtered(view, wanted) {
  const totals = { ...view.totals, shown: view.hosts.length };
  if (wanted === '') return { ...view, totals };
  const has = (...names) => names.some((text) => text.toLowerCase().includes(wanted));
  return {
    ...view,
    totals,
    hosts: view.hosts.filter(({ host, zone, rack, role }) => has(host, zone, rack, role)),
    blobs: view.blobs.filter(({ name, repository, blob, holders }) =>
      has(name, repository, blob, ...holders.map(({ host }) => host)),
    ),
    preheats: view.preheats.filter(({ reference, id }) => has(reference, id)),
    slowest: view.slowest.filter(({ host }) => has(host)),
  };
}

filter.addEventListener('input', show);
pause.addEventListener('click', () => {
  isPaused = !isPaused;
  pause.setAttribute('aria-pressed', String(isPaused));
  setText(pause, isPaused ? 'Go on' : 'Pause updates');
  if (isPaused) tell('Paused.', false);
});
update();
