/** Every failure of closing is told, whatever else failed. */
import t from 'tap';
import { closeFailures } from '../src/process/close-failures.ts';

t.test('in the order in which they happened', async (t) => {
  const parts = new AsyncDisposableStack();
  const closed: number[] = [];
  for (const part of [1, 2, 3, 4]) {
    parts.defer(() => {
      closed.push(part);
      if (part !== 2) throw new Error(`part ${part}`);
    });
  }
  const error: unknown = await parts.disposeAsync().catch((thrown: unknown) => thrown);
  t.match(
    closeFailures(error),
    [4, 3, 1].map((part) => ({ message: `part ${part}` })),
  );
  t.same(closed, [4, 3, 2, 1]);
  t.same(closeFailures('alone'), ['alone']);
});
