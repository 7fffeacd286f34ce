/** Freezes a value with everything in it. Maps and sets are closed too: changing one throws. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) {
    return value;
  }
  if (value instanceof Map || value instanceof Set) {
    close(value);
    for (const entry of value) {
      deepFreeze(entry);
    }
  }
  Object.freeze(value);
  for (const inner of Object.values(value)) {
    deepFreeze(inner);
  }
  return value;
}

function close(collection: Map<unknown, unknown> | Set<unknown>): void {
  const refuse = (): never => {
    throw new TypeError('the configuration is frozen');
  };
  for (const method of ['set', 'add', 'delete', 'clear']) {
    if (method in collection) {
      Object.defineProperty(collection, method, { value: refuse });
    }
  }
}
