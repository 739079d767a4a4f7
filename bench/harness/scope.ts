/** What a test is to the starters of `test/support`, for benches: teardowns, run in reverse. */
import type { TestScope } from '@shoal/test-kit';

const open = new Set<BenchScope>();

export class BenchScope implements TestScope, AsyncDisposable {
  readonly #handlers: (() => unknown)[] = [];

  constructor() {
    open.add(this);
  }

  teardown(handler: () => unknown): void {
    this.#handlers.push(handler);
  }

  pass(message: string): void {
    throw new Error(message);
  }

  fail(message: string): void {
    throw new Error(message);
  }

  comment(message: string): void {
    console.error(`# ${message}`);
  }

  /** One handler that fails keeps no other from running; the first failure is thrown at the end. */
  async [Symbol.asyncDispose](): Promise<void> {
    open.delete(this);
    const failures: unknown[] = [];
    for (const handler of this.#handlers.splice(0).toReversed()) {
      try {
        await handler();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}

/** Takes away whatever was started and not ended yet, the newest first: for a bench that is interrupted. */
export async function disposeOpenScopes(): Promise<void> {
  for (const scope of [...open].toReversed()) {
    await scope[Symbol.asyncDispose]().catch((error: unknown) => console.error(error));
  }
}
