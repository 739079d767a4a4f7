/**
 * Where a redirect leads, and whether it may be followed.
 */
import { quoted } from '@shoal/oci';
import { ProtocolError, RedirectError } from '../errors.ts';
import { isLocalHostname } from './local-address.ts';
import type { HttpAnswer } from './messages.ts';
import { isLoopbackHost } from './proxy-environment.ts';

export function isRedirect(status: number): boolean {
  return status === 301 || status === 302 || status === 303 || status === 307 || status === 308;
}

export type RedirectRules = {
  /** From HTTPS to plain HTTP on another machine. */
  readonly mayBePlain: boolean;
  /** To services of this machine: whoever connects has a `PublicOnlyGuard` that decides. @default false */
  readonly isGuarded?: boolean;
};

/**
 * The URL in `Location`. Throws when it is missing, malformed, gives up encryption, or leads from another
 * machine to a service of this one.
 */
export function redirectTarget(
  answer: HttpAnswer,
  { mayBePlain, isGuarded = false }: RedirectRules,
): URL {
  const target = locationOf(answer);
  const givesUpTls = answer.url.protocol === 'https:' && target.protocol === 'http:';
  const comesFromLoopback = isLoopbackHost(answer.url.hostname);
  if (!isGuarded && !comesFromLoopback && isLocalHostname(target.hostname)) {
    throw new RedirectError(`${answer.url.origin}: redirects to ${target.origin}, which is here`, {
      remedy: 'ask whoever runs the registry',
    });
  }
  if (givesUpTls && !mayBePlain && !isLoopbackHost(target.hostname)) {
    throw new RedirectError(
      `${answer.url.origin}: redirects to ${target.origin} without encryption`,
      {
        remedy: 'ask whoever runs the registry, or allow plain HTTP with --plain-http',
      },
    );
  }
  return target;
}

/** `Location` of any answer, resolved against the URL it came from. */
export function locationOf(answer: HttpAnswer): URL {
  const value = answer.headers.get('location');
  const target = value === undefined ? null : URL.parse(value, answer.url.href);
  if (target === null || (target.protocol !== 'http:' && target.protocol !== 'https:')) {
    const shown = value === undefined ? 'no Location' : `Location ${quoted(withoutSecrets(value))}`;
    throw new ProtocolError(`${answer.url.origin}: status ${answer.status} with ${shown}`, {
      remedy: 'ask whoever runs the registry',
    });
  }
  target.username = '';
  target.password = '';
  target.hash = '';
  return target;
}

/** A URL, however malformed, without its query and without a user and password. */
function withoutSecrets(text: string): string {
  const path = text.split(/[?#]/)[0] ?? '';
  return path.slice(path.lastIndexOf('@') + 1);
}
