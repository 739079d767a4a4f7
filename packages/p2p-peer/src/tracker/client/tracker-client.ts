/**
 * The trackers of a host: told everything, all of them; asked, all at once, and the first answer or
 * all together counts. Nothing here rejects or makes a read wait: without trackers there is less to know.
 */
import { KnownHosts } from '../../hosts/known-hosts.ts';
import { type HostFacts, parseHostName } from '../../identity/host.ts';
import { jsonOf } from '../../json-of.ts';
import type { IdentityFiles } from '../../trust/identity-files.ts';
import type { FetchedToken } from '../../trust/token-store.ts';
import { TrackerAnswerError } from '../errors.ts';
import type { FoundPeer } from '../found-peers.ts';
import {
  type HostReport,
  hostsAnswerSchema,
  type ReportAnswer,
  reportAnswerSchema,
  tokenAnswerSchema,
} from '../host-report.ts';
import { TRACKER_DEADLINE_MS } from '../limits.ts';
import { type AnnounceRequest, formatAnnounce, readAnnounceAnswer } from './announce-text.ts';
import { checkStatus, type LinkAnswer, TrackerLink } from './tracker-link.ts';

export type TrackerClientOptions = {
  /** Each `https://host:port`. */
  readonly trackers: readonly string[];
  readonly identity: IdentityFiles;
  /** Where this host stands, now. */
  readonly own: () => Pick<HostFacts, 'zone' | 'rack' | 'address'>;
  /** The token to announce with, where there is one. */
  readonly token?: () => string | undefined;
  /** Hears once of each tracker that is away, and of answers that are none. */
  readonly onProblem?: (error: unknown) => void;
  readonly timeoutMs?: number;
  readonly nowMs?: () => number;
  readonly random?: () => number;
};

/** The list of hosts may be long, and nobody waits for it. */
const HOSTS_TIMES = 5;

export class TrackerClient implements AsyncDisposable {
  readonly #options: TrackerClientOptions;
  readonly #timeoutMs: number;
  readonly #nowMs: () => number;
  readonly #links: readonly TrackerLink[];
  readonly #hosts = new KnownHosts();
  readonly #pages = new Map<
    string,
    { readonly etag: string; readonly hosts: readonly HostFacts[] }
  >();
  #closing: Promise<void> | undefined;

  /** Throws `ERR_P2P_TRACKER_OPTIONS`. */
  constructor(options: TrackerClientOptions) {
    const { trackers, identity, nowMs = Date.now, random = Math.random } = options;
    const onProblem = options.onProblem ?? (() => undefined);
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? TRACKER_DEADLINE_MS;
    this.#nowMs = nowMs;
    this.#links = [...new Set(trackers)].map(
      (url) => new TrackerLink({ url, identity, nowMs, random, onProblem }),
    );
  }

  /** The hosts that are known now; none before the first `refreshHosts`. */
  hosts(): readonly HostFacts[] {
    return this.#hosts.list();
  }

  /** Asks all trackers who lives in this host's zone, and for all seeds. False when none answers. */
  async refreshHosts(): Promise<boolean> {
    const answers = await Promise.all(this.#links.map((link) => this.#hostsOf(link)));
    const answered = answers.filter((hosts) => hosts !== undefined);
    if (answered.length === 0) return false;
    this.#hosts.named(answered.flat(), this.#nowMs());
    return true;
  }

  #hostsOf(link: TrackerLink): Promise<readonly HostFacts[] | undefined> {
    const { zone } = this.#options.own();
    const path = `/v1/hosts?${new URLSearchParams({ zone })}`;
    const key = `${link.url}${path}`;
    const page = this.#pages.get(key);
    const headers: Record<string, string> =
      page === undefined ? {} : { 'if-none-match': page.etag };
    const request = {
      method: 'GET',
      path,
      headers,
      timeoutMs: HOSTS_TIMES * this.#timeoutMs,
    } as const;
    return link.ask(request, (answer) => {
      if (answer.status === 304 && page !== undefined) return page.hosts;
      const { hosts } = readJson(link.url, answer, hostsAnswerSchema);
      const facts = hosts.map((host) => ({ ...host, host: parseHostName(host.host) }));
      if (answer.etag !== undefined) this.#pages.set(key, { etag: answer.etag, hosts: facts });
      return facts;
    });
  }

  /** Tells all trackers, and gives the peers that those name which answer in time. */
  async announce(request: AnnounceRequest): Promise<readonly FoundPeer[]> {
    const path = formatAnnounce(request, this.#options.own(), this.#options.token?.());
    const found = new Map<string, FoundPeer>();
    const asked = this.#links.map(async (link) => {
      const answer = await link.ask({ method: 'GET', path, timeoutMs: this.#timeoutMs }, (bytes) =>
        readAnnounceAnswer(link.url, bytes.body),
      );
      for (const peer of answer?.peers ?? []) found.set(peer.host?.host ?? peer.peerId, peer);
    });
    await Promise.all(asked);
    return [...found.values()];
  }

  /** Tells all trackers; gives what those answer which answer in time. */
  async report(report: HostReport): Promise<readonly ReportAnswer[]> {
    const body = JSON.stringify(report);
    const request = {
      method: 'POST',
      path: '/v1/report',
      body,
      timeoutMs: this.#timeoutMs,
    } as const;
    const answers = this.#links.map((link) =>
      link.ask(request, (answer) => readJson(link.url, answer, reportAnswerSchema)),
    );
    return (await Promise.all(answers)).filter((answer) => answer !== undefined);
  }

  /** A token for this host, of the first tracker that gives one. */
  async fetchToken(): Promise<FetchedToken | undefined> {
    const request = { method: 'POST', path: '/v1/token', timeoutMs: this.#timeoutMs } as const;
    const answers = this.#links.map(async (link) => {
      const token = await link.ask(request, (answer) =>
        readJson(link.url, answer, tokenAnswerSchema),
      );
      if (token === undefined) throw new Error('none');
      return token;
    });
    return Promise.any(answers).catch(() => undefined);
  }

  close(): Promise<void> {
    this.#closing ??= Promise.all(this.#links.map((link) => link.close())).then(() => undefined);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

type Schema<Value> = {
  safeParse(
    value: unknown,
  ): { readonly success: true; readonly data: Value } | { readonly success: false };
};

/** Throws `ERR_P2P_TRACKER_ANSWER`. */
function readJson<Value>(url: string, answer: LinkAnswer, schema: Schema<Value>): Value {
  checkStatus(url, answer);
  const result = schema.safeParse(jsonOf(answer.body));
  if (!result.success)
    throw new TrackerAnswerError(url, 'answers something else than was asked for');
  return result.data;
}
