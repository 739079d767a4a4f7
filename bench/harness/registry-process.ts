/**
 * An embedded registry in a process of its own, its blobs in memory: its host on the first line of
 * stdout, and it ends when stdin does. Started by `startRegistryProcess`, so that neither readers nor
 * daemons share a thread with the registry they are measured against.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { EmbeddedRegistry } from '@shoal/registry-client/embedded';

const SERVE = 'serve';

export type RegistryProcess = AsyncDisposable & {
  /** `ADDRESS:PORT`, plain HTTP. */
  readonly host: string;
};

export async function startRegistryProcess(): Promise<RegistryProcess> {
  const child = spawn(process.execPath, [import.meta.filename, SERVE], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const first = createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  const { value, done } = await first;
  if (done === true) throw new Error('the registry process ended at once');
  return { host: value, [Symbol.asyncDispose]: () => end(child, exited) };
}

async function end(child: ChildProcess, exited: Promise<unknown>): Promise<void> {
  child.stdin?.end();
  await exited;
}

async function serve(): Promise<void> {
  await using registry = await EmbeddedRegistry.listen({});
  console.log(registry.host);
  process.stdin.resume();
  await once(process.stdin, 'end');
}

const [, script, word] = process.argv;
if (script === import.meta.filename && word === SERVE) await serve();
