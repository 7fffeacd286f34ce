import { z } from 'zod';
import { name, wrong } from './scalars.js';

/** A mapping with these keys and no others. */
export function mapping<Shape extends z.ZodRawShape>(shape: Shape) {
  const expected = `a mapping with ${Object.keys(shape).join(', ')}`;
  return z.strictObject(shape, {
    error: ({ code, input }) => (code === 'invalid_type' ? wrong(input, expected) : undefined),
  });
}

/** A mapping from names to things of one kind. */
export function table<Entry extends z.ZodType>(entry: Entry, what: string) {
  return z.record(name, entry, { error: ({ input }) => wrong(input, `a mapping from names to ${what}`) });
}

/** A mapping with a `name` and more, of which the name alone may be written in its place. */
export function labelOr<Shape extends { readonly name: z.ZodType } & z.ZodRawShape>(
  full: ReturnType<typeof mapping<Shape>>,
) {
  return z.preprocess((value) => (typeof value === 'string' ? { name: value } : value), full);
}

/** A list of things of one kind. */
export function list<Entry extends z.ZodType>(entry: Entry, what: string) {
  return z.array(entry, { error: ({ input }) => wrong(input, `a list of ${what}`) });
}

/** The keys that a mapping may have at a path of a schema; none where there is no mapping. */
export function keysAt(schema: unknown, path: readonly PropertyKey[]): readonly string[] {
  const bare = unwrap(schema);
  const [first, ...rest] = path;
  if (first === undefined) {
    return bare instanceof z.ZodObject ? Object.keys(bare.shape) : [];
  }
  return keysAt(childOf(bare, first), rest);
}

/** Whether a path of a schema leads to a part of a list that may have gaps. */
export function mayBeMissing(schema: unknown, path: readonly PropertyKey[]): boolean {
  const list = path.slice(0, -1).reduce<unknown>((above, key) => childOf(unwrap(above), key), schema);
  const bare = unwrap(list);
  return bare instanceof z.ZodArray && bare.element instanceof z.ZodOptional;
}

function childOf(schema: unknown, key: PropertyKey): unknown {
  if (schema instanceof z.ZodObject) {
    const shape: Readonly<Record<PropertyKey, unknown>> = schema.shape;
    return shape[key];
  }
  return schema instanceof z.ZodRecord ? schema.valueType : schema instanceof z.ZodArray ? schema.element : undefined;
}

function unwrap(schema: unknown): unknown {
  const isWrapped =
    schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault;
  if (isWrapped) {
    return unwrap(schema.unwrap());
  }
  return schema instanceof z.ZodPipe && schema.in instanceof z.ZodTransform ? unwrap(schema.out) : schema;
}
