/** Opening and adopting flat FUSE sessions. */
import { FuseSessionClosedError } from '../errors.ts';
import type { AdoptSessionOptions, FlatFuseSession, OpenSessionOptions } from './session-types.ts';

export function openFlatFuseSession(_options: OpenSessionOptions): Promise<FlatFuseSession> {
  return Promise.reject(new FuseSessionClosedError('not built yet'));
}
export function adoptFlatFuseSession(_options: AdoptSessionOptions): Promise<FlatFuseSession> {
  return Promise.reject(new FuseSessionClosedError('not built yet'));
}
