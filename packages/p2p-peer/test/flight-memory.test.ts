/** Memory of shared reads is used again, and never while somebody may look at it or write to it. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import type { FlightEnd } from '../src/swarm/flight.ts';
import { SharedReads } from '../src/swarm/shared-reads.ts';

const demand = { priority: 'demand' } as const;

t.test(
  'memory is used again only when nobody looks at it any more, and never after a failure',
  async (t) => {
    const length = 128 << 10;
    const range = { start: 0, end: length };
    const memories: Buffer[] = [];
    const answers: PromiseWithResolvers<FlightEnd>[] = [];
    const shared = new SharedReads({
      bytesMax: length,
      read: (own, call) => {
        const answer = Promise.withResolvers<FlightEnd>();
        memories.push(call.memory.fill(memories.length + 1));
        answers.push(answer);
        call.onHere(own);
        return answer.promise;
      },
    });
    const kept = Promise.withResolvers<void>();
    const first = await shared.read(range, demand);
    answers[0]?.resolve({ kept: kept.promise });
    await nextTurn();
    const second = await shared.read(range, demand);
    t.equal(memories.length, 1, 'it is given from memory until it is kept');
    kept.resolve();
    await nextTurn();
    await shared.read(range, demand);
    t.equal(memories[1]?.buffer, memories[0]?.buffer, 'then the next read has that memory');
    t.ok(
      [first, second].every((bytes) => bytes.every((byte) => byte === 1)),
      'what was given is a copy',
    );
    answers[1]?.reject(new Error('broken'));
    await nextTurn();
    await shared.read(range, demand);
    t.not(
      memories[2]?.buffer,
      memories[1]?.buffer,
      'something may still come into that of a failed read',
    );
  },
);
