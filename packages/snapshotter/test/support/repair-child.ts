/** A process that repairs the database below a root: LevelDB's assertions end it, not the test. */
import { repairDatabase } from '../../src/snapshots/repair-database.ts';

await repairDatabase(process.argv[2] ?? '');
