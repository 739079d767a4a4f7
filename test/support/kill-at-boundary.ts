/**
 * Loaded into a daemon before anything else (`--import`): kills it at one boundary of one request, as
 * the file named by SHOAL_TEST_BOUNDARY says (`Commit after-write`). The file is taken away first, so
 * that the next daemon lives.
 */
import { readFileSync, unlinkSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';

type Handler = (call: unknown, answer?: (...args: unknown[]) => void) => unknown;
type Streaming = { end: (...args: unknown[]) => unknown };

const file = process.env['SHOAL_TEST_BOUNDARY'] ?? '';
/** What was answered is on its way to the client; nothing else keeps the daemon busy. */
const REPLY_LEAVES_MS = 200;
/** A daemon that was stalled for so long still gets to send: its sockets are served in every turn. */
const REPLY_LEAVES_TURNS = 100;
/** The request under way that is to be cut. */
let armed: { readonly method: string; readonly boundary: string } | undefined;

function die(): void {
  unlinkSync(file);
  process.kill(process.pid, 'SIGKILL');
}

function reach(boundary: string): void {
  if (armed?.boundary === boundary) die();
}

function wanted(): typeof armed {
  try {
    const [method = '', boundary = ''] = readFileSync(file, 'utf8').trim().split(' ');
    return { method, boundary };
  } catch {
    return undefined;
  }
}

function afterReply(): void {
  if (armed?.boundary !== 'after-reply') return;
  setTimeout(() => dieAfterTurns(REPLY_LEAVES_TURNS), REPLY_LEAVES_MS);
}

function dieAfterTurns(left: number): void {
  if (left === 0) die();
  else setImmediate(() => dieAfterTurns(left - 1));
}

function cut(name: string, handler: Handler): Handler {
  return (call, answer) => {
    const order = wanted();
    if (order?.method.toLowerCase() !== name.toLowerCase()) return handler(call, answer);
    armed = order;
    if (answer !== undefined) {
      return handler(call, (...args) => {
        reach('before-reply');
        answer(...args);
        afterReply();
      });
    }
    const stream = call as Streaming;
    const end = stream.end.bind(stream);
    stream.end = (...args) => {
      reach('before-reply');
      const ended = end(...args);
      afterReply();
      return ended;
    };
    return handler(call);
  };
}

if (isMainThread && file !== '') {
  const { Level } = await import('level');
  const { Server } = await import('@grpc/grpc-js');
  const batch = Level.prototype.batch as (...args: unknown[]) => Promise<unknown>;
  /** The records of snapshots, where they are written durably. */
  Level.prototype.batch = async function (this: { location: string }, ...args: unknown[]) {
    const [, options] = args;
    const isDurable = typeof options === 'object' && options !== null && 'sync' in options;
    const isCut = isDurable && this.location.endsWith('/snapshotter');
    if (isCut) reach('before-write');
    const result = await batch.apply(this, args);
    if (isCut) reach('after-write');
    return result;
  } as typeof Level.prototype.batch;
  const { addService } = Server.prototype;
  Server.prototype.addService = function (definition, implementation) {
    const handlers = Object.entries(implementation).map(([name, handler]) => [
      name,
      cut(name, handler as Handler),
    ]);
    addService.call(this, definition, Object.fromEntries(handlers));
  };
}
