/** A plot of how many hosts have everything, over time, as SVG: one line a situation. */
import type { ClusterResult } from './run-cluster.ts';

const WIDTH = 860;
const HEIGHT = 420;
const LEFT = 50;
const RIGHT = 250;
const TOP = 40;
const BOTTOM = 50;
const COLOURS = [
  ...['#1f77b4', '#ff7f0e', '#2ca02c', '#d62728', '#9467bd', '#8c564b'],
  ...['#e377c2', '#7f7f7f', '#bcbd22', '#17becf', '#3b3b98', '#b33939'],
];
const POINTS = 200;

export function plotDone(title: string, results: readonly ClusterResult[]): string {
  const times = results.flatMap(({ doneAtMs }) => [doneAtMs[0] ?? 1, doneAtMs.at(-1) ?? 1]);
  const least = 10 ** Math.floor(Math.log10(Math.max(1, Math.min(...times))));
  const most = 10 ** Math.ceil(Math.log10(Math.max(...times)));
  const x = (ms: number) =>
    LEFT + (Math.log(ms / least) / Math.log(most / least)) * (WIDTH - LEFT - RIGHT);
  const y = (share: number) => TOP + (1 - share) * (HEIGHT - TOP - BOTTOM);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    text(LEFT, 20, title, 'start', 15),
    ...grid(least, most, x, y),
    ...results.flatMap((result, index) => line(result, index, x, y)),
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, 'time since the first start', 'middle'),
    '</svg>',
    '',
  ].join('\n');
}

type Scale = (value: number) => number;

function grid(least: number, most: number, x: Scale, y: Scale): string[] {
  const parts: string[] = [];
  for (let ms = least; ms <= most * 1.001; ms *= 10) {
    parts.push(rule(x(ms), TOP, x(ms), HEIGHT - BOTTOM));
    parts.push(
      text(x(ms), HEIGHT - BOTTOM + 16, ms >= 1000 ? `${ms / 1000} s` : `${ms} ms`, 'middle'),
    );
  }
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    parts.push(rule(LEFT, y(share), WIDTH - RIGHT, y(share)));
    parts.push(text(LEFT - 6, y(share) + 4, `${share * 100} %`, 'end'));
  }
  return parts;
}

/** Shares are of the hosts that finished. */
function line({ name, doneAtMs }: ClusterResult, index: number, x: Scale, y: Scale): string[] {
  const colour = COLOURS[index % COLOURS.length] ?? 'black';
  const points: string[] = [];
  for (let point = 0; point <= POINTS; point++) {
    const at = Math.round((point / POINTS) * (doneAtMs.length - 1));
    const share = (at + 1) / doneAtMs.length;
    points.push(`${x(doneAtMs[at] ?? 1).toFixed(1)},${y(share).toFixed(1)}`);
  }
  const row = TOP + 10 + index * 20;
  const left = WIDTH - RIGHT + 15;
  return [
    `<polyline points="${points.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
    `<line x1="${left}" y1="${row}" x2="${left + 20}" y2="${row}" stroke="${colour}" stroke-width="3"/>`,
    text(left + 26, row + 4, name, 'start'),
  ];
}

function rule(x1: number, y1: number, x2: number, y2: number): string {
  return `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" stroke="#ddd"/>`;
}

function text(x: number, y: number, content: string, anchor: string, size = 12): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x}" y="${y}" text-anchor="${anchor}" font-size="${size}">${escaped}</text>`;
}
