/** What trackers list and what names of services lead to, together: the directory knows one list. */
import type { HostFacts } from '../identity/host.ts';
import type { HostDirectory } from './host-directory.ts';

export class ListedHosts {
  readonly #directory: Pick<HostDirectory, 'list'>;
  #tracked: readonly HostFacts[] = [];
  #discovered: readonly HostFacts[] = [];

  constructor(directory: Pick<HostDirectory, 'list'>) {
    this.#directory = directory;
  }

  tracked(hosts: readonly HostFacts[]): void {
    this.#tracked = hosts;
    this.#list();
  }

  discovered(hosts: readonly HostFacts[]): void {
    this.#discovered = hosts;
    this.#list();
  }

  /** Hosts themselves have told trackers where they are: of one in both lists that counts. */
  #list(): void {
    const tracked = new Set(this.#tracked.map(({ host }) => host));
    const others = this.#discovered.filter(({ host }) => !tracked.has(host));
    this.#directory.list([...this.#tracked, ...others]);
  }
}
