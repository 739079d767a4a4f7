/** Opens a session and exits without closing it. */
import { openFlatFuseSession } from '../../src/fuse/session.ts';

await openFlatFuseSession({ onMiss: async () => undefined, errnoOf: () => 5 });
process.exit(7);
