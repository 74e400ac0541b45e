/** Names that documentation must hold, taken from the code itself. */
import { z } from 'zod';

interface JsonSchema {
  properties?: Record<string, JsonSchema>;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
  allOf?: JsonSchema[];
  additionalProperties?: JsonSchema | boolean;
}

/** Every key of a zod schema as a dotted path, sections before their keys, through arrays, unions and defaults. */
export function keyPathsOf(schema: z.ZodType): string[] {
  const json = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', reused: 'inline' });
  return [...new Set(walk(json as JsonSchema, ''))];
}

function walk(schema: JsonSchema, prefix: string): string[] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    const path = prefix === '' ? key : `${prefix}.${key}`;
    return [path, ...walk(value, path)];
  });
  const alternatives = [schema.anyOf, schema.oneOf, schema.allOf].flatMap((each) => each ?? []);
  const inner = [...alternatives, schema.items, schema.additionalProperties];
  return [...own, ...inner.flatMap((each) => (typeof each === 'object' ? walk(each, prefix) : []))];
}

/** The names that a text does not hold as a whole word, dots and underscores included. */
export function undocumented(names: readonly string[], text: string): string[] {
  const words = new Set(text.match(/[\w]+(?:\.[\w]+)*/g));
  return names.filter((name) => !words.has(name));
}
