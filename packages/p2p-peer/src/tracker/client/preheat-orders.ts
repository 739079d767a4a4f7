/** Orders to make an image ready, at the port of a tracker that people use: given, looked at, ended. */
import { readBounded } from '@shoal/oci/bounded-body';
import { request } from 'undici';
import { z } from 'zod';
import { jsonOf } from '../../json-of.ts';
import { TrackerAnswerError, TrackerAwayError, TrackerRequestError } from '../errors.ts';
import { PREHEAT_STATES } from '../host-report.ts';
import {
  PREHEAT_ANSWER_BYTES_MAX,
  REFUSAL_CHARACTERS_MAX,
  TRACKER_DEADLINE_MS,
} from '../limits.ts';
import type { PreheatView } from '../swarm-overview.ts';

export type PreheatWish = {
  readonly reference: string;
  readonly platform?: string | undefined;
  /** One of these three, or none: all hosts. */
  readonly hosts?: readonly string[] | undefined;
  readonly count?: number | undefined;
  readonly percent?: number | undefined;
};

const count = z.number().nonnegative();
const viewSchema = z.object({
  id: z.string(),
  reference: z.string(),
  platform: z.string().optional(),
  createdAtMs: count,
  isCancelled: z.boolean(),
  counts: z.record(z.enum(PREHEAT_STATES), count),
  bytesDone: count,
  bytesTotal: count,
  hosts: z.array(
    z.object({
      host: z.string(),
      state: z.enum(PREHEAT_STATES),
      bytesDone: count,
      bytesTotal: count,
      message: z.string().optional(),
    }),
  ),
});

export type PreheatOrdersOptions = {
  /** `http://HOST:PORT` of the tracker's page. */
  readonly url: string;
  /** A secret; needed to order and to end. */
  readonly token: string;
  readonly signal?: AbortSignal | undefined;
};

type Method = 'GET' | 'POST' | 'DELETE';

export class PreheatOrders {
  readonly #options: PreheatOrdersOptions;

  constructor(options: PreheatOrdersOptions) {
    this.#options = options;
  }

  /** Throws `ERR_P2P_TRACKER_REQUEST`, `ERR_P2P_TRACKER_ANSWER`, `ERR_P2P_TRACKER_AWAY`. */
  order(wish: PreheatWish): Promise<PreheatView> {
    return this.#ask('POST', '/v1/preheats', JSON.stringify(wish));
  }

  read(id: string): Promise<PreheatView> {
    return this.#ask('GET', `/v1/preheats/${id}`);
  }

  end(id: string): Promise<PreheatView> {
    return this.#ask('DELETE', `/v1/preheats/${id}`);
  }

  async #ask(method: Method, path: string, body?: string): Promise<PreheatView> {
    const { url } = this.#options;
    const { status, text } = await this.#send(method, path, body);
    if (status === 401 || status === 403) {
      throw new TrackerRequestError(status, `tracker ${url} does not take the token`);
    }
    if (status < 200 || status > 299) {
      throw new TrackerRequestError(status, `tracker ${url} refuses: ${detailOf(text)}`);
    }
    const parsed = viewSchema.safeParse(jsonOf(text));
    if (parsed.success) return { ...parsed.data, platform: parsed.data.platform };
    throw new TrackerAnswerError(url, 'answers something else than was asked for');
  }

  async #send(method: Method, path: string, body: string | undefined) {
    const { url, token, signal } = this.#options;
    const headers: Record<string, string> = { authorization: `Bearer ${token}` };
    if (body !== undefined) headers['content-type'] = 'application/json';
    const deadline = AbortSignal.timeout(10 * TRACKER_DEADLINE_MS);
    const limit = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
    try {
      const options = { method, headers, signal: limit, ...(body === undefined ? {} : { body }) };
      const answer = await request(`${url}${path}`, options);
      return { status: answer.statusCode, text: await readText(answer.body, url) };
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof TrackerAnswerError) throw error;
      const detail = error instanceof Error ? error.message : 'no answer';
      throw new TrackerAwayError(url, detail, { cause: error });
    }
  }
}

async function readText(body: AsyncIterable<Buffer>, url: string): Promise<string> {
  const tooMuch = () => new TrackerAnswerError(url, 'answers too much');
  return (await readBounded(body, PREHEAT_ANSWER_BYTES_MAX, tooMuch)).toString();
}

/** What a tracker says when it refuses, for people. */
function detailOf(text: string): string {
  const shown = z.object({ error: z.string() }).safeParse(jsonOf(text));
  return (shown.success ? shown.data.error : text)
    .replaceAll(/\p{Cc}/gu, ' ')
    .slice(0, REFUSAL_CHARACTERS_MAX);
}
