import t from 'tap';
import { HandshakeTimes } from '../src/hosts/handshake-times.ts';

t.test('the longest handshake of late says how long to wait for the next', async (t) => {
  const times = new HandshakeTimes();
  t.equal(times.patienceMs(0), undefined, 'nobody has shown it');
  times.took(20, 1000);
  times.took(10, 1000);
  t.equal(times.patienceMs(1000), 60);
  times.took(200, 2000);
  t.equal(times.patienceMs(2000), 600);
  t.equal(times.patienceMs(7000), 300, 'half of it counts after a while');
  times.took(20, 2000 + 60_000);
  t.equal(times.patienceMs(2000 + 60_000), 60);
});
