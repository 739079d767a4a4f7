/** What became of an attempt to be let in by a registry; for statistics and for people who ask. */

export type AuthenticationEvent = {
  /** Host part of a reference, with its port. */
  readonly registry: string;
  /**
   * `granted`: there is something new to send. `refused`: the registry wants other credentials than
   * there are, or they have expired. `failed`: nobody knows, because it could not be asked.
   */
  readonly outcome: 'granted' | 'refused' | 'failed';
  /** Of what is not granted: a sentence without secrets. */
  readonly reason?: string | undefined;
};

export type AuthenticationObserver = (event: AuthenticationEvent) => void;
