/**
 * Packages of npm that go into a release: from `node_modules` when they are there in the version of
 * the lock file, else through npm, into a directory of their own. Their install scripts never run.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';

export type NpmPackage = {
  readonly name: string;
  readonly version: string;
  readonly directory: string;
};

export type LockedPackage = z.infer<typeof lockedSchema>;
const lockedSchema = z.object({
  version: z.string().optional(),
  integrity: z.string().optional(),
  license: z.string().optional(),
  dependencies: z.record(z.string(), z.string()).optional(),
  optionalDependencies: z.record(z.string(), z.string()).optional(),
  link: z.boolean().optional(),
});

/** `packages` of package-lock.json, by place (`node_modules/x`). */
export type Lock = ReadonlyMap<string, LockedPackage>;

export function readLock(root: string): Lock {
  const text = readFileSync(join(root, 'package-lock.json'), 'utf8');
  const schema = z.object({ packages: z.record(z.string(), lockedSchema) });
  return new Map(Object.entries(schema.parse(JSON.parse(text)).packages));
}

const manifestSchema = z.object({ name: z.string(), version: z.string() });

/** Name and version in the package.json of a directory. */
export function readManifest(directory: string): z.infer<typeof manifestSchema> {
  return manifestSchema.parse(JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')));
}

export type FindRequest = {
  readonly name: string;
  readonly version: string;
  /** `sha512-...`, what npm must have delivered. */
  readonly integrity?: string | undefined;
  /** Directories where it may lie already. */
  readonly places: readonly string[];
};

/** The package in one of the places, else fetched. */
export function findPackage({ name, version, integrity, places }: FindRequest): NpmPackage {
  for (const directory of places) {
    if (!existsSync(join(directory, 'package.json'))) continue;
    if (readManifest(directory).version === version) return { name, version, directory };
  }
  return { name, version, directory: fetchPackage(name, version, integrity) };
}

const packedSchema = z.object({ filename: z.string(), integrity: z.string() });
/** A list, or by name, as the version of npm has it. */
const packedListSchema = z.union([z.array(packedSchema), z.record(z.string(), packedSchema)]);

/** Keeps what it fetched in `~/.cache/shoal-release` (`SHOAL_RELEASE_CACHE`). */
function fetchPackage(name: string, version: string, integrity: string | undefined): string {
  const cache = process.env['SHOAL_RELEASE_CACHE'] ?? join(homedir(), '.cache', 'shoal-release');
  const final = join(cache, `${name.replace('/', '+')}-${version}`);
  if (existsSync(join(final, 'package.json'))) return final;
  mkdirSync(cache, { recursive: true });
  const draft = mkdtempSync(join(cache, 'draft-'));
  try {
    const argv = ['pack', '--ignore-scripts', '--json', `${name}@${version}`];
    const answer: unknown = JSON.parse(run('npm', argv, draft));
    const [packed] = Object.values(packedListSchema.parse(answer));
    if (packed === undefined) throw new Error(`npm delivered no ${name}@${version}`);
    if (integrity !== undefined && packed.integrity !== integrity) {
      throw new Error(`${name}@${version} is not what package-lock.json names`);
    }
    run('tar', ['-xzf', packed.filename, '--no-same-owner', 'package'], draft);
    renameSync(join(draft, 'package'), final);
    return final;
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

function run(command: string, argv: readonly string[], directory: string): string {
  const { status, stdout, stderr, error } = spawnSync(command, argv, {
    cwd: directory,
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command} ${argv.join(' ')}: ${stderr}`);
  return stdout;
}
