/** Windows of downloads: what the link brings in 300 ms, and never less than a few blocks. */
import t from 'tap';
import { DownloadWindow } from '../src/select/download-window.ts';

const BLOCK = 128 << 10;
const MIN = 512 << 10;

/** A link of so many bytes a millisecond that is kept full for a while. */
function fill(window: DownloadWindow, bytesPerMs: number, fromMs: number): void {
  for (let atMs = fromMs; atMs < fromMs + 2000; atMs += BLOCK / bytesPerMs) {
    window.arrived(BLOCK, atMs);
  }
}

t.test('a slow link asks for little, a fast one for much', async (t) => {
  const slow = new DownloadWindow();
  t.equal(slow.roomBytes, MIN);
  fill(slow, 1250, 0);
  t.equal(slow.roomBytes, MIN, '10 Mbit/s');
  const fast = new DownloadWindow();
  fill(fast, 400_000, 0);
  t.ok(fast.roomBytes > 100e6 && fast.roomBytes < 150e6, `${fast.roomBytes} of 120e6`);
  const middle = new DownloadWindow();
  fill(middle, 12_500, 0);
  t.ok(middle.roomBytes > 3e6 && middle.roomBytes < 5.5e6, `${middle.roomBytes} of 3.75e6`);
});

t.test('what is asked for takes room until it has ended', async (t) => {
  const window = new DownloadWindow();
  for (let block = 0; block < 6; block++) window.asked(BLOCK);
  t.equal(window.roomBytes, 0);
  t.equal(window.askedBytes, 6 * BLOCK);
  for (let block = 0; block < 3; block++) window.ended(BLOCK);
  t.equal(window.roomBytes, BLOCK);
});

t.test('a pause is no slow link', async (t) => {
  const window = new DownloadWindow();
  fill(window, 12_500, 0);
  const before = window.roomBytes;
  window.arrived(BLOCK, 60_000);
  window.arrived(BLOCK, 120_000);
  t.ok(window.roomBytes >= before * 0.8);
});
