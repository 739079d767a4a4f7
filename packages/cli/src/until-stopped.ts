/** For commands that serve in the foreground until they are told to stop. */
import type { CliContext } from './context.ts';

/** Resolves once SIGINT or SIGTERM has come; at once where it has come already. */
export async function untilStopped({ signal }: Pick<CliContext, 'signal'>): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
