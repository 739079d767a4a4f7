/** Which hosts a preheat waits for. A name that is mistyped is waited for as well: who sees it here can tell. */

const NAMED_MAX = 8;

type AskedHost = { readonly host: string; readonly state: string };

export function waitingFor(hosts: readonly AskedHost[]): string {
  const names = hosts.filter(({ state }) => state === 'waiting').map(({ host }) => host);
  const more = names.length > NAMED_MAX ? ` and ${names.length - NAMED_MAX} more` : '';
  return (
    `waiting for ${names.slice(0, NAMED_MAX).join(', ')}${more}: ` +
    "busy with other orders, or no such host (the tracker's page lists all)"
  );
}
