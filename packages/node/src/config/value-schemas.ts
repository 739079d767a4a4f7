/** Values that several tables of the configuration have. */
import { isAbsolute } from 'node:path';
import { isHostPort } from '@shoal/oci/host-port';
import * as z from 'zod';

export const absolutePath = z.string().refine(isAbsolute, 'must be an absolute path');

export const address = z.string().refine(isHostPort, 'must be host:port');

/** Of bytes or anything else that is counted, also of so many a second. */
export const positiveCount = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);
