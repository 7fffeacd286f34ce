/** A table of a file as a map of what is built from its entries. */
export function mapOf<In, Out extends { readonly id: string }>(
  table: Readonly<Record<string, In>>,
  build: (key: string, entry: In) => Out,
): ReadonlyMap<Out['id'], Out> {
  return new Map(
    Object.entries(table)
      .map(([key, entry]) => build(key, entry))
      .map((built) => [built.id, built]),
  );
}
