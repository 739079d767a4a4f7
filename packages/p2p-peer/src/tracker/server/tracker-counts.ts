/** What the tracker counts, and all it knows in the text format of Prometheus. */
import { totalRates } from './total-rates.ts';
import type { TrackedSwarms } from './tracked-swarms.ts';

export type Counter =
  | 'announces'
  | 'scrapes'
  | 'reports'
  | 'tokens'
  | 'refused'
  | 'limited'
  | 'failed';

const HELP: Readonly<Record<Counter, string>> = {
  announces: 'Announces that were answered, refusals included',
  scrapes: 'Scrapes that were answered',
  reports: 'Reports of hosts that were taken in',
  tokens: 'Tokens that were signed',
  refused: 'Requests that were refused',
  limited: 'Requests refused because their sender asks too often',
  failed: 'Requests that failed by a fault of the tracker',
};

export class TrackerCounts {
  readonly #counts: Record<Counter, number> = {
    announces: 0,
    scrapes: 0,
    reports: 0,
    tokens: 0,
    refused: 0,
    limited: 0,
    failed: 0,
  };

  add(counter: Counter): void {
    this.#counts[counter] += 1;
  }

  text(table: TrackedSwarms): string {
    const hosts = [...table.hosts.values()].map(({ facts }) => facts.role);
    const seeds = hosts.filter((role) => role === 'seed').length;
    const rates = Object.entries(totalRates(table.hosts.values()));
    const lines = [
      ...gauge('hosts', 'Hosts that live', [
        ['{role="peer"}', hosts.length - seeds],
        ['{role="seed"}', seeds],
      ]),
      ...gauge('swarms', 'Swarms with a peer', [['', table.swarmCount]]),
      ...gauge('peers', 'Peers of all swarms', [['', table.peerCount]]),
      ...gauge('known_blobs', 'Blobs that may be announced', [['', table.blobs.size]]),
      ...gauge(
        'transfer_bytes_per_second',
        'What all hosts receive, by source, and send (upload), as they report it',
        rates.map(([source, rate]) => [`{source="${source}"}`, rate]),
      ),
    ];
    for (const [name, value] of Object.entries(this.#counts)) {
      const full = `shoal_tracker_${name}_total`;
      const help = Object.entries(HELP).find(([known]) => known === name)?.[1] ?? '';
      lines.push(`# HELP ${full} ${help}`, `# TYPE ${full} counter`, `${full} ${value}`);
    }
    return `${lines.join('\n')}\n`;
  }
}

function gauge(
  name: string,
  help: string,
  values: readonly (readonly [string, number])[],
): readonly string[] {
  const full = `shoal_tracker_${name}`;
  const samples = values.map(([labels, value]) => `${full}${labels} ${value}`);
  return [`# HELP ${full} ${help}`, `# TYPE ${full} gauge`, ...samples];
}
