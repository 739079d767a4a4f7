/** What a program needs that passes requests on to a registry and its answers back. */
export { bodyPieces, cutBody, discardBody } from '../http/body-pieces.ts';
export { requestFailure } from '../http/failure.ts';
export type { HttpAnswer, HttpHeaders } from '../http/messages.ts';
export { isPublicAddress } from '../http/public-address.ts';
export { isRedirect, redirectTarget } from '../http/redirect.ts';
export { collectBounded } from '../verify.ts';
export { hostAndPort } from '../web/web-file.ts';
export {
  type AccessRequest,
  type Caller,
  RegistryAccess,
  type RegistryAccessSettings,
} from './registry-access.ts';
