/** One GET, as it is. */
import { get, type IncomingHttpHeaders } from 'node:http';
import { buffer } from 'node:stream/consumers';

export type PlainAnswer = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
};

export function ask(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<PlainAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<PlainAnswer>();
  const request = get(url, { headers, agent: false }, (answer) => {
    const { statusCode: status = 0 } = answer;
    buffer(answer).then((body) => resolve({ status, headers: answer.headers, body }), reject);
  });
  request.on('error', reject);
  return promise;
}
