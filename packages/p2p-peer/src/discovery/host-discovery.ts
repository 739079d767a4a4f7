/**
 * Finds hosts by the names of services, now and again. An address is a hint: whoever answers there is
 * asked who he is, and his certificate says it. Nothing here rejects or makes a read wait: while DNS is
 * away the hosts that were found last are the ones that are known.
 */
import { Semaphore } from '@shoal/concurrency';
import { KnownHosts } from '../hosts/known-hosts.ts';
import type { HostFacts, HostName } from '../identity/host.ts';
import { DISCOVERY_ASK_AGAIN_MS, DISCOVERY_QUESTIONS_MAX } from './limits.ts';
import type { ServiceName } from './service-name.ts';
import type { ServiceResolver } from './service-resolver.ts';

export type HostDiscoveryOptions = {
  readonly services: readonly ServiceName[];
  readonly resolver: Pick<ServiceResolver, 'resolve'>;
  /** Who answers at `host:port`; undefined for nobody who shares blobs. */
  readonly ask: (address: string, signal: AbortSignal) => Promise<HostFacts | undefined>;
  /** This host, which finds itself too. */
  readonly own: () => Pick<HostFacts, 'host' | 'address'>;
  readonly intervalMs: number;
  /** Hears after every round who is known. */
  readonly onHosts: (hosts: readonly HostFacts[]) => void;
  /** Hears once of each name that cannot be looked up, and of addresses where nobody of ours answers. */
  readonly onProblem?: (error: unknown) => void;
  readonly nowMs?: () => number;
  readonly random?: () => number;
};

type Asked = {
  readonly facts: HostFacts | undefined;
  readonly failures: number;
  readonly askAtMs: number;
};

/** Hosts that started together do not ask together. */
const JITTER = 0.2;

export class HostDiscovery implements AsyncDisposable {
  readonly #options: HostDiscoveryOptions;
  readonly #onProblem: (error: unknown) => void;
  readonly #nowMs: () => number;
  readonly #closing = new AbortController();
  readonly #questions = new Semaphore(DISCOVERY_QUESTIONS_MAX);
  /** What each name gave last. */
  readonly #named = new Map<ServiceName, readonly string[]>();
  readonly #failing = new Set<ServiceName>();
  readonly #asked = new Map<string, Asked>();
  readonly #known = new KnownHosts();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  constructor(options: HostDiscoveryOptions) {
    this.#options = options;
    this.#onProblem = options.onProblem ?? (() => undefined);
    this.#nowMs = options.nowMs ?? (() => performance.now());
    this.#schedule(0);
  }

  hosts(): readonly HostFacts[] {
    return this.#known.list();
  }

  /** Looks now. Never rejects. */
  refresh(): Promise<void> {
    if (this.#closing.signal.aborted) return Promise.resolve();
    this.#running ??= this.#round().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    clearTimeout(this.#timer);
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #round(): Promise<void> {
    clearTimeout(this.#timer);
    const { services, own, onHosts, intervalMs, random = Math.random } = this.#options;
    await Promise.all(services.map((service) => this.#lookUp(service)));
    const addresses = new Set([...this.#named.values()].flat());
    addresses.delete(own().address);
    for (const address of this.#asked.keys()) {
      if (!addresses.has(address)) this.#asked.delete(address);
    }
    const due = [...addresses].filter((address) => this.#isDue(address));
    await Promise.all(due.map((address) => this.#questions.run(() => this.#ask(address))));
    if (this.#closing.signal.aborted) return;
    this.#known.named(this.#found(own().host), this.#nowMs());
    onHosts(this.hosts());
    this.#schedule(intervalMs * (1 - JITTER * random()));
  }

  async #lookUp(service: ServiceName): Promise<void> {
    try {
      this.#named.set(service, await this.#options.resolver.resolve(service, this.#closing.signal));
      this.#failing.delete(service);
    } catch (error) {
      if (this.#closing.signal.aborted || this.#failing.has(service)) return;
      this.#failing.add(service);
      this.#onProblem(error);
    }
  }

  #isDue(address: string): boolean {
    return (this.#asked.get(address)?.askAtMs ?? 0) <= this.#nowMs();
  }

  async #ask(address: string): Promise<void> {
    const { signal } = this.#closing;
    if (signal.aborted) return;
    const { ask, intervalMs } = this.#options;
    const { facts: known, failures = 0 } = this.#asked.get(address) ?? {};
    try {
      const facts = await ask(address, signal);
      const askAtMs = this.#nowMs() + DISCOVERY_ASK_AGAIN_MS;
      this.#asked.set(address, { facts, failures: 0, askAtMs });
    } catch (error) {
      if (signal.aborted) return;
      const delayMs = Math.min(DISCOVERY_ASK_AGAIN_MS, intervalMs * 2 ** Math.min(failures, 10));
      // Who was there before is still believed to be: reads find out by themselves.
      const askAtMs = this.#nowMs() + delayMs;
      this.#asked.set(address, { facts: known, failures: failures + 1, askAtMs });
      if (failures === 0) this.#onProblem(error);
    }
  }

  /** One that is found at two addresses has moved: where it was asked last counts. */
  #found(self: HostName): HostFacts[] {
    const found = new Map<HostName, HostFacts>();
    const asked = [...this.#asked.values()].sort((a, b) => a.askAtMs - b.askAtMs);
    for (const { facts } of asked) {
      if (facts !== undefined && facts.host !== self) found.set(facts.host, facts);
    }
    return [...found.values()];
  }

  #schedule(delayMs: number): void {
    this.#timer = setTimeout(() => void this.refresh(), delayMs);
    this.#timer.unref();
  }
}
