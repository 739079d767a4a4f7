/** Choice of a holder: near before far, the less busy of two, never a banned or full one. */
import t from 'tap';
import { parsePeerId } from '../src/identity/peer-id.ts';
import { type Candidate, distanceBetween } from '../src/select/candidate.ts';
import { chooseHolder } from '../src/select/choose-holder.ts';
import { randomOf } from './support/random.ts';

const candidate = (number: number, changes: Partial<Candidate> = {}): Candidate => ({
  peer: parsePeerId(number.toString(16).padStart(40, '0')),
  distance: 'rack',
  outstandingBytes: 0,
  latencyMs: 1,
  p95Ms: 2,
  isFull: false,
  creditBytes: Number.POSITIVE_INFINITY,
  isBanned: false,
  willingness: 'willing',
  ...changes,
});

t.test('nobody of nobody, or when all are banned or full', async (t) => {
  t.equal(chooseHolder([], Math.random), undefined);
  const all = [candidate(1, { isFull: true }), candidate(2, { isBanned: true })];
  t.equal(chooseHolder(all, Math.random), undefined);
});

t.test('the nearest class that has one free', async (t) => {
  const random = randomOf(1);
  const far = candidate(1, { distance: 'other' });
  const near = candidate(2, { distance: 'zone', latencyMs: 100 });
  const full = candidate(3, { isFull: true });
  for (let turn = 0; turn < 20; turn++) t.equal(chooseHolder([far, near, full], random), near);
  t.equal(chooseHolder([far, full], random), far);
});

t.test('of two the less busy one, counting what was just decided', async (t) => {
  const random = randomOf(2);
  const busy = candidate(1, { outstandingBytes: 1 << 20 });
  const idle = candidate(2);
  const slow = candidate(3, { latencyMs: 50 });
  for (let turn = 0; turn < 20; turn++) {
    t.equal(chooseHolder([busy, idle], random), idle);
    t.equal(chooseHolder([slow, idle], random), idle);
    t.equal(chooseHolder([busy, idle], random, new Map([[idle.peer, 4 << 20]])), busy);
  }
});

t.test('equals share the load', async (t) => {
  const random = randomOf(3);
  const all = Array.from({ length: 10 }, (_, number) => candidate(number));
  const added = new Map();
  for (let turn = 0; turn < 1000; turn++) {
    const chosen = chooseHolder(all, random, added);
    if (chosen !== undefined) added.set(chosen.peer, (added.get(chosen.peer) ?? 0) + 1);
  }
  const counts = all.map(({ peer }) => added.get(peer));
  t.ok(Math.max(...counts) - Math.min(...counts) < 10, counts.join(' '));
});

t.test('how far away a host is', async (t) => {
  const at = (zone: string, rack: string) => ({ zone, rack });
  t.equal(distanceBetween(at('a', '1'), at('a', '1')), 'rack');
  t.equal(distanceBetween(at('a', '1'), at('a', '2')), 'zone');
  t.equal(distanceBetween(at('a', ''), at('a', '')), 'zone', 'no rack is no common rack');
  t.equal(distanceBetween(at('a', '1'), at('b', '1')), 'other');
  t.equal(distanceBetween(at('', ''), at('', '')), 'zone', 'without zones all are in one');
});
