/** An event of a stream of server-sent events. */
export interface ServerSentEvent {
  readonly event: string;
  readonly data: string;
}

/**
 * Reads a stream of server-sent events (HTML Living Standard 9.2) until it ends.
 *
 * @throws when it cannot be read.
 */
export async function* serverSentEvents(
  url: string,
  signal: AbortSignal,
  opened: () => void,
): AsyncGenerator<ServerSentEvent> {
  const response = await fetch(url, { signal, headers: { accept: 'text/event-stream' } });
  if (!response.ok || response.body === null) {
    throw new Error(`${url} says ${response.status}`);
  }
  opened();
  const decoder = new TextDecoder();
  let text = '';
  for await (const bytes of response.body) {
    text += decoder.decode(bytes as Uint8Array, { stream: true });
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    yield* blocks.map(readEvent);
  }
}

/** One block of lines, without the empty line behind it. */
export function readEvent(block: string): ServerSentEvent {
  const lines = block.split('\n').map((line) => line.replace(/\r$/, ''));
  const values = (name: string): readonly string[] =>
    lines.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).replace(/^ /, ''));
  return { event: values('event')[0] ?? 'message', data: values('data').join('\n') };
}
