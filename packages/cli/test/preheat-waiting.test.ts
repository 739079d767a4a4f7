/** What `shoal preheat` says when nobody begins. */
import t from 'tap';
import { waitingFor } from '../src/commands/preheat-waiting.ts';

t.test('who is waited for', (t) => {
  const hosts = [
    { host: 'node-1', state: 'done' },
    { host: 'node-99', state: 'waiting' },
  ];
  t.match(waitingFor(hosts), /^waiting for node-99: .*no such host/);
  const many = Array.from({ length: 20 }, (_, at) => ({ host: `n${at}`, state: 'waiting' }));
  t.match(waitingFor(many), /^waiting for n0, n1, .*n7 and 12 more: /);
  t.end();
});
