/**
 * `delay-line-process.ts TAP TAP MILLISECONDS`: makes two taps in its network namespace and carries every
 * frame of each to the other, so much later. For kernels that cannot delay by themselves. Says
 * `ready` when both are there.
 */
import { openSync, read, writeSync } from 'node:fs';
import { errorCode } from '@shoal/errors';
import koffi from 'koffi';

type Waiting = { readonly frame: Buffer; readonly dueAtMs: number };

const TUNSETIFF = 0x400454ca;
/** Ethernet frames, nothing before them. */
const TAP_WITHOUT_HEADER = 0x0002 | 0x1000;
const IFREQ_BYTES = 40;
const FLAGS_OFFSET = 16;
/** A jumbo frame; nothing larger comes from a tap without offloads. */
const FRAME_BYTES_MAX = 10_000;
/** What is on its way at a time: 20 ms at 1 Gbit/s are 2.5 MB. More is lost, as on any line. */
const FRAMES_MAX = 4096;
/** The other side of the line has no link yet, or none any more. */
const DOWN: readonly (string | undefined)[] = ['EIO', 'ENETDOWN', 'EBADFD', 'EAGAIN'];

const ioctl = koffi.load(null).func('int ioctl(int fd, unsigned long request, void *argument)');

function openTap(name: string): number {
  const fd = openSync('/dev/net/tun', 'r+');
  const request = Buffer.alloc(IFREQ_BYTES);
  request.write(name);
  request.writeUInt16LE(TAP_WITHOUT_HEADER, FLAGS_OFFSET);
  if (ioctl(fd, TUNSETIFF, request) !== 0) throw new Error(`there is no tap ${name}`);
  return fd;
}

class Direction {
  readonly #from: number;
  readonly #to: number;
  readonly #delayMs: number;
  readonly #waiting: Waiting[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(from: number, to: number, delayMs: number) {
    this.#from = from;
    this.#to = to;
    this.#delayMs = delayMs;
  }

  run(): void {
    const bytes = Buffer.allocUnsafe(FRAME_BYTES_MAX);
    read(this.#from, bytes, 0, bytes.length, null, (error, length) => {
      if (error === null) this.#take(Buffer.from(bytes.subarray(0, length)));
      // Not before the taps are up.
      if (error === null) this.run();
      else setTimeout(() => this.run(), 20);
    });
  }

  #take(frame: Buffer): void {
    if (this.#waiting.length >= FRAMES_MAX) return;
    this.#waiting.push({ frame, dueAtMs: performance.now() + this.#delayMs });
    this.#timer ??= setTimeout(() => this.#send(), this.#delayMs);
  }

  #send(): void {
    const nowMs = performance.now();
    const due = this.#waiting.findIndex(({ dueAtMs }) => dueAtMs > nowMs);
    for (const { frame } of this.#waiting.splice(0, due === -1 ? Infinity : due)) this.#put(frame);
    const [next] = this.#waiting;
    this.#timer =
      next === undefined ? undefined : setTimeout(() => this.#send(), next.dueAtMs - nowMs);
  }

  #put(frame: Buffer): void {
    try {
      writeSync(this.#to, frame);
    } catch (error) {
      if (!DOWN.includes(errorCode(error))) throw error;
    }
  }
}

const [first = '', second = '', delay = ''] = process.argv.slice(2);
const taps = [openTap(first), openTap(second)] as const;
new Direction(taps[0], taps[1], Number(delay)).run();
new Direction(taps[1], taps[0], Number(delay)).run();
console.log('ready');
