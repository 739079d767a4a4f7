/** For gates that stand before a registry: passes a request on, and leaves the answer to the gate. */
import { type IncomingMessage, request, type ServerResponse } from 'node:http';

/** Either side may leave in the middle. */
export function passRequest(
  upstream: string,
  incoming: IncomingMessage,
  answer: ServerResponse,
  reply: (response: IncomingMessage) => void,
): void {
  const passed = request(`http://${upstream}${incoming.url ?? ''}`, {
    method: incoming.method ?? 'GET',
    headers: { ...incoming.headers, host: upstream },
  });
  passed.once('error', () => answer.destroy());
  passed.once('response', reply);
  incoming.pipe(passed);
}
