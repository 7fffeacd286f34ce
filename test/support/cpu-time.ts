/**
 * How long an action keeps the processor, in milliseconds: what others do meanwhile on a busy machine does not count.
 *
 * @param action something without waiting.
 */
export function cpuTimeOf(action: () => void): number {
  const before = process.cpuUsage();
  action();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}
