/** Where versions lie, which is the newest, and the link to the current one. */
import { mkdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryDirectory } from '@shoal/test-kit';
import t from 'tap';
import {
  compareVersions,
  currentLinkOf,
  linkTarget,
  newestBeside,
  ownHome,
  programOf,
  readCurrent,
  switchCurrent,
} from '../src/upgrade/installed-versions.ts';

t.test('order of versions', (t) => {
  const versions = ['0.10.0', '0.9.0', '1.0.0-rc.2', '1.0.0', '0.10.0-rc.1', '1.0.0-rc.10'];
  t.same(versions.toSorted(compareVersions), [
    ...['0.9.0', '0.10.0-rc.1', '0.10.0', '1.0.0-rc.2', '1.0.0-rc.10', '1.0.0'],
  ]);
  t.end();
});

t.test('the layout of releases', (t) => {
  const prefix = temporaryDirectory(t);
  const install = (version: string) => {
    const home = join(prefix, 'versions', version);
    mkdirSync(join(home, 'bin'), { recursive: true });
    writeFileSync(programOf(home), '');
    return home;
  };
  const old = install('0.9.0');
  const fresh = install('0.10.0');
  mkdirSync(join(prefix, 'versions', '9.9.9-empty'));
  t.equal(newestBeside(old), fresh);
  const link = join(prefix, 'current');
  t.equal(currentLinkOf(old), link);
  t.equal(readCurrent(link), undefined);
  switchCurrent(link, linkTarget(old));
  switchCurrent(link, linkTarget(fresh));
  t.equal(readlinkSync(link), 'versions/0.10.0');
  t.equal(readCurrent(link), 'versions/0.10.0');
  t.equal(currentLinkOf(join(prefix, 'elsewhere')), undefined);
  t.equal(newestBeside(join(prefix, 'elsewhere')), undefined);
  const other = join(temporaryDirectory(t), 'versions');
  mkdirSync(join(other, '..', 'current'), { recursive: true });
  t.equal(currentLinkOf(join(other, '1.0.0')), undefined, 'a directory is not replaced');
  t.ok(readlinkSync('/proc/self/exe') && programOf(ownHome()).endsWith('/bin/shoal'));
  t.end();
});
