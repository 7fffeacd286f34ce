/** Waits until a condition holds, at most `within` milliseconds. It never fails: the assertion behind it does. */
export async function until(condition: () => boolean | Promise<boolean>, within: number): Promise<void> {
  const end = Date.now() + within;
  while (!(await condition()) && Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
