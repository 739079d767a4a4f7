/**
 * Docker credential helpers: programs named `docker-credential-NAME` that get a server's address on
 * standard input and print a user name and a secret. Spec: docker-credential-helpers README.
 */
import { quoted } from '@shoal/oci';
import * as z from 'zod';
import { CredentialHelperError } from '../errors.ts';
import type { Environment } from '../http/proxy-environment.ts';
import { HELPER_TIMEOUT_MS } from '../limits.ts';
import { runCredentialProgram } from './run-credential-program.ts';

const answerSchema = z.object({ Username: z.string(), Secret: z.string() });

export type HelperAnswer = { readonly username: string; readonly secret: string };

const NAME = /^[\w.-]{1,128}$/;
const INSTALL = 'install the helper, or remove it from the Docker configuration';

/** Undefined when the helper knows nothing of the server. Throws for every other failure. */
export async function askCredentialHelper(
  name: string,
  server: string,
  env: Environment,
): Promise<HelperAnswer | undefined> {
  if (!NAME.test(name)) {
    throw new CredentialHelperError(`${quoted(name)} is not the name of a credential helper`, {
      remedy: 'correct credsStore or credHelpers in the Docker configuration',
    });
  }
  const program = `docker-credential-${name}`;
  const { status, output } = await runCredentialProgram({
    program,
    argv: ['get'],
    input: `${server}\n`,
    env,
    timeoutMs: HELPER_TIMEOUT_MS,
    remedy: INSTALL,
  });
  if (status !== 0) {
    if (/credentials not found/i.test(output.toString('utf8'))) return undefined;
    throw new CredentialHelperError(`${program} failed for ${server} (status ${status})`, {
      remedy: `run: echo ${server} | ${program} get`,
    });
  }
  return decodeAnswer(output, program);
}

function decodeAnswer(output: Buffer, program: string): HelperAnswer | undefined {
  try {
    const { Username, Secret } = answerSchema.parse(JSON.parse(output.toString('utf8')));
    return Secret === '' ? undefined : { username: Username, secret: Secret };
  } catch {
    throw new CredentialHelperError(`${program} answered something that is no credential`, {
      remedy: INSTALL,
    });
  }
}
