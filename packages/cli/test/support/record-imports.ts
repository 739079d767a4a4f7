/** Preloaded with `--import`: writes down what a process imports and requires, and who asked for it. */
import { appendFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

export type RecordedImport = {
  /** `file:///...` or `node:...` */
  readonly url: string;
  readonly parent: string | undefined;
};

const file = process.env['SHOAL_TEST_IMPORTS'];

if (file !== undefined) {
  registerHooks({
    resolve(specifier, context, nextResolve) {
      const found = nextResolve(specifier, context);
      const record: RecordedImport = { url: found.url, parent: context.parentURL };
      appendFileSync(file, `${JSON.stringify(record)}\n`);
      return found;
    },
  });
}
