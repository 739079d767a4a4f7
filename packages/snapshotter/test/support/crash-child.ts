/**
 * A process that runs snapshot operations and kills itself at a given step: after a call that
 * changes the file system or the database. Prints each operation that has answered.
 *
 * Arguments: root, number of the step (0: never).
 */
import fs, { writeSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { Level } from 'level';

const [root = '', at = '0'] = process.argv.slice(2);
const killAt = Number(at);
let steps = 0;

function step(): void {
  steps += 1;
  if (steps === killAt) process.kill(process.pid, 'SIGKILL');
}

/** A step: what comes before the next call differs in nothing that outlives the process. */
function faulty<A extends unknown[], R>(call: (...args: A) => Promise<R>) {
  return async function (this: unknown, ...args: A): Promise<R> {
    const result = await call.apply(this, args);
    step();
    return result;
  };
}

const { promises } = fs;
promises.mkdir = faulty(promises.mkdir) as typeof promises.mkdir;
promises.rename = faulty(promises.rename);
promises.chmod = faulty(promises.chmod);
syncBuiltinESMExports();
Level.prototype.batch = faulty(Level.prototype.batch as never) as never;

const { SnapshotService } = await import('../../src/snapshots/snapshot-service.ts');
const { noLazyImages } = await import('./no-lazy-images.ts');
const { silentLog } = await import('../../src/service-log.ts');
const service = await SnapshotService.open({ root, lazy: noLazyImages, log: silentLog });
const { signal } = new AbortController();
const parts = { labels: {}, signal };
const done = (operation: string) => writeSync(1, `${operation}\n`);

await service.prepare({ key: 'a', parent: undefined, ...parts });
done('prepare a');
await service.commit({ key: 'a', name: 'A', parent: undefined, ...parts });
done('commit A');
await service.prepare({ key: 'b', parent: 'A', ...parts });
done('prepare b');
await service.view({ key: 'v', parent: 'A', ...parts });
done('view v');
await service.update({ name: 'b', labels: { x: 'y' }, fields: [] });
done('update b');
await service.remove('v');
done('remove v');
await service.remove('b');
done('remove b');
await service.close();
done(`steps ${steps}`);
