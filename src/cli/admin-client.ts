import { InvalidArgumentError } from 'commander';

/** Where a gateway on this machine answers, unless its site file says otherwise. */
export const ADMIN_URL = 'http://127.0.0.1:8080';

const ANSWER_WITHIN_MS = 10_000;

/** What a gateway said: JSON, or one line about what is wrong. */
export type AdminAnswer =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: string; readonly value?: unknown };

/** Asks the HTTP interface of a running gateway. Never throws. */
export async function askAdmin(url: string, method: 'GET' | 'POST' = 'GET'): Promise<AdminAnswer> {
  try {
    const response = await fetch(url, { method, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
    const value: unknown = await response.json();
    const error: unknown = Reflect.get(Object(value), 'error');
    return response.ok
      ? { ok: true, value }
      : { ok: false, error: typeof error === 'string' ? error : `${url} says ${response.status}`, value };
  } catch {
    const { origin } = new URL(url);
    return { ok: false, error: `no gateway answers on ${origin}: start it with noodroute run, or say where (--admin)` };
  }
}

/** Reads the value of `--admin`. */
export function httpUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new InvalidArgumentError('expected http://host:port');
  }
  return url.origin;
}
