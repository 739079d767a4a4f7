/** What a test is to the starters of `test/support`, for benches: teardowns, run in reverse. */
import type { TestScope } from '@shoal/test-kit';

export class BenchScope implements TestScope, AsyncDisposable {
  readonly #handlers: (() => unknown)[] = [];

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

  async [Symbol.asyncDispose](): Promise<void> {
    for (const handler of this.#handlers.splice(0).toReversed()) await handler();
  }
}
