import { z } from 'zod';

/** Every key of a schema as a dotted path, sections before their keys: what docs/CONFIG.md must name. */
export function keyPaths(schema: z.ZodType, prefix = ''): string[] {
  return Object.entries(keysOf(schema)).flatMap(([key, inner]) => {
    const path = prefix === '' ? key : `${prefix}.${key}`;
    return [path, ...keyPaths(inner, path)];
  });
}

/** The keys that an object at this path may have; none if the path leads to no object. */
export function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let at: z.ZodType | undefined = schema;
  for (const part of path) {
    // A number leads into a list.
    if (at !== undefined && typeof part !== 'number') at = keysOf(at)[String(part)];
  }
  return at === undefined ? [] : Object.keys(keysOf(at));
}

/** Of a list, those of its elements. */
function keysOf(schema: z.ZodType): Record<string, z.ZodType> {
  const bare = unwrap(schema);
  if (bare instanceof z.ZodArray) return keysOf(bare.element as z.ZodType);
  return bare instanceof z.ZodObject ? bare.shape : {};
}

function unwrap(schema: z.ZodType): z.ZodType {
  let bare = schema;
  while (
    bare instanceof z.ZodOptional ||
    bare instanceof z.ZodNullable ||
    bare instanceof z.ZodDefault ||
    bare instanceof z.ZodPrefault
  ) {
    bare = bare.unwrap() as z.ZodType;
  }
  return bare;
}
