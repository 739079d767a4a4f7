/**
 * The file `bin/shoal` starts. Keeps compiled code beside the installed packages, so that the next
 * start takes half the time; where that directory cannot be written nothing is kept. Never in a
 * shared directory such as /tmp: what is kept there would be run.
 */
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

enableCompileCache(fileURLToPath(new URL('../../../node_modules/.cache/shoal', import.meta.url)));
const { runProcess } = await import('./process.ts');
await runProcess();
