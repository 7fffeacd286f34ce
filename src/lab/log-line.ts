/** pino's number for `error`. */
const ERROR_LEVEL = 50;

/** What a log line of the gateway says, where it is an error; undefined for all else. */
export function gatewayComplaint(line: string): string | undefined {
  if (!line.startsWith('{')) {
    return undefined;
  }
  try {
    const { level, msg, err } = JSON.parse(line) as { level?: unknown; msg?: unknown; err?: unknown };
    if (typeof level !== 'number' || level < ERROR_LEVEL || typeof msg !== 'string') {
      return undefined;
    }
    return typeof err === 'string' ? `${msg}: ${err}` : msg;
  } catch {
    return undefined;
  }
}
