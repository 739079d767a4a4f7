/** A credential program that cannot be started because no file may be opened any more: an error, and no crash. */
import { setTimeout as sleep } from 'node:timers/promises';
import { allowFewFiles, requireTool } from '@shoal/test-kit';
import t from 'tap';
import { runCredentialProgram } from '../src/auth/run-credential-program.ts';

t.test('the error is coded, and nothing follows', async (t) => {
  if (!requireTool(t, 'prlimit')) return;
  const program = { argv: [], input: '', env: process.env, timeoutMs: 10, remedy: 'mend it' };
  const files = await allowFewFiles(0);
  const outcome = await runCredentialProgram({ ...program, program: 'cat' }).catch(
    (e: unknown) => e,
  );
  await files.again();
  t.match(outcome, { code: 'ERR_REGISTRY_CLIENT_CREDENTIAL_HELPER', cause: { code: 'EMFILE' } });
  // Longer than the program would have had.
  await sleep(50);
  const late = { ...program, program: 'no-such-credential-program' };
  await t.rejects(runCredentialProgram(late), { cause: { code: 'ENOENT' } });
});
