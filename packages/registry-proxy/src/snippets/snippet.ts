/** What a snippet is made of, and what it is. */

export type SnippetOptions = {
  /** Where the runtime reaches the proxy: `127.0.0.1:4001`. */
  readonly host: string;
  /** Names of the registries that are mirrored. */
  readonly upstreams: readonly string[];
};

export type MirrorSnippet = {
  /** Ready to be written to a file. */
  readonly text: string;
  /** What cannot be said inside of it, because its format has no comments. */
  readonly notes: readonly string[];
};
