/**
 * Schemas for kubeconform, a file for each kind, out of what the makers of the kinds publish: Kubernetes's
 * OpenAPI documents and the definitions of cert-manager. Unknown fields are errors in all of them.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import * as z from 'zod';

/** kubeconform's name for a file: the kind, the first part of its group, the version. */
export const SCHEMA_FILE = '{{ .ResourceKind }}{{ .KindSuffix }}.json';

type Json = Readonly<Record<string, unknown>>;

const json = z.record(z.string(), z.unknown());
const groupVersionKind = z.object({ group: z.string(), kind: z.string(), version: z.string() });
const openApi = z.object({ components: z.object({ schemas: z.record(z.string(), json) }) });
const definition = z.object({
  spec: z.object({
    group: z.string(),
    names: z.object({ kind: z.string() }),
    versions: z.array(z.object({ name: z.string(), schema: z.object({ openAPIV3Schema: json }) })),
  }),
});
/** Documents of other definitions have comments and templates around them. */
const TEMPLATE_LINE = /^\s*\{\{.*\}\}\s*$/gm;

/** Writes them into a new directory. */
export function writeSchemas(source: string, directory: string): void {
  mkdirSync(directory);
  for (const file of readdirSync(source)) {
    const text = readFileSync(join(source, file), 'utf8');
    if (file.endsWith('.json')) writeOpenApi(openApi.parse(JSON.parse(text)), directory);
    else writeDefinition(definition.parse(parse(text.replaceAll(TEMPLATE_LINE, ''))), directory);
  }
}

function writeOpenApi({ components }: z.infer<typeof openApi>, directory: string): void {
  const schemas = Object.entries(components.schemas);
  const definitions = Object.fromEntries(schemas.map(([name, schema]) => [name, strict(schema)]));
  for (const [name, schema] of schemas) {
    const kinds = z.array(groupVersionKind).safeParse(schema['x-kubernetes-group-version-kind']);
    const [only, another] = kinds.data ?? [];
    if (only === undefined || another !== undefined) continue;
    write(directory, only, { $ref: `#/definitions/${name}`, definitions });
  }
}

function writeDefinition({ spec }: z.infer<typeof definition>, directory: string): void {
  const { group, names } = spec;
  for (const { name: version, schema } of spec.versions) {
    const body = strict(schema.openAPIV3Schema);
    // Of every object, whatever its definition says of it.
    write(directory, { group, kind: names.kind, version }, body);
  }
}

function write(
  directory: string,
  { group, kind, version }: z.infer<typeof groupVersionKind>,
  schema: unknown,
): void {
  const [first = ''] = group.split('.');
  const parts = [kind.toLowerCase(), ...(first === '' ? [] : [first]), version];
  writeFileSync(join(directory, `${parts.join('-')}.json`), JSON.stringify(schema));
}

/** References lead to `definitions`, and an object has the fields that it names and no others. */
function strict(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(strict);
  const object = json.safeParse(value);
  if (!object.success) return value;
  const inside = Object.entries(object.data).map(([key, part]): [string, unknown] => {
    if (key === '$ref')
      return [key, String(part).replace('#/components/schemas/', '#/definitions/')];
    return [key, strict(part)];
  });
  return closed(Object.fromEntries(inside));
}

function closed(schema: Json): Json {
  const isClosed = 'additionalProperties' in schema;
  // `properties` may be the name of a field itself: then what it holds is a schema.
  const isObject = schema['type'] === 'object' && json.safeParse(schema['properties']).success;
  return isClosed || !isObject ? schema : { ...schema, additionalProperties: false };
}
