/** Everything that the programs of a test wrote and said, searched for all secrets that they had. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { SecretScan } from './secret-scan.ts';
import type { SecretWorld } from './secret-world.ts';

/** What was said, by who said it. */
export type Said = Map<string, string>;

/** Those of the world, and what was given or sent meanwhile: signatures, bearer tokens, passwords in base64. */
function sentSecrets(world: SecretWorld): ReadonlyMap<string, string> {
  const secrets = new Map(world.secrets);
  for (const front of Object.values(world.fronts)) {
    for (const one of front.signatures) secrets.set(`signature ${one.slice(0, 8)}`, one);
    for (const sent of front.authorizations) {
      const [scheme, value = ''] = sent.split(' ');
      secrets.set(`${scheme} to ${front.host}, ${secrets.size}`, value);
    }
  }
  return secrets;
}

/** For those of the world, and for what was sent meanwhile. */
export function scanFor(world: SecretWorld): SecretScan {
  return new SecretScan(sentSecrets(world));
}

/** Everything that programs wrote and said, but for the files that secrets are read from. */
export function searched(scan: SecretScan, world: SecretWorld, said: Said): readonly string[] {
  const found = [...said].flatMap(([where, words]) => scan.text(where, words));
  for (const { home, directory } of world.hosts) {
    const own = ['tls', 'secrets', 'config.toml', 'files'].map((name) => join(home, name));
    found.push(...scan.files(home, own), ...scan.files(directory, [join(directory, 'mnt')]));
  }
  return [...found, ...scan.text('the tracker', world.tracker.program.log())];
}

/** What was searched has what it should, and the search finds what is where it may be. */
export function seesWhatIsThere(t: Test, scan: SecretScan, world: SecretWorld): void {
  for (const { home, daemon } of world.hosts) {
    const log = readFileSync(join(daemon.run, 'shoal.log'), 'utf8');
    t.match(log, /"event":"mounted"/);
    t.match(readFileSync(join(home, 'wire.jsonl'), 'utf8'), /"host"|"peer"/, 'wires were opened');
    const found = scan.files(home).join('\n');
    for (const name of ['password', 'identity token', 'API token', 'TLS key', 'token', 'refused']) {
      t.match(found, new RegExp(`: ${name}[^:]*, as it is:`), `${name} is found where it is kept`);
    }
  }
  const password = world.secrets.get('password') ?? '';
  for (const user of ['', 'a', 'ab', 'abc']) {
    const sent = Buffer.from(`${user}:${password}:x`).toString('base64');
    t.match(scan.text('x', `{"a":"${sent}"}`), [/password, in base64/], `behind "${user}:"`);
  }
  const escaped = encodeURIComponent(password);
  t.match(scan.text('x', `http://h/?a=${escaped}&b`), [/password, percent-encoded/]);
  t.match(scan.text('x', 'authorization: Bearer abcdefghijklmn'), [/an authorization/]);
}
