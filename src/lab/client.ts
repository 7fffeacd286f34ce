import type { FaultPlace } from './fault-places.js';
import type { LabAddress } from './plan.js';
import type { CallResult } from './results.js';
import type { LabState } from './state.js';

/** The lab did not do what was asked. The message is one line for the user. */
class LabClientError extends Error {
  override readonly name = 'LabClientError';
}

const ANSWER_WITHIN_MS = 10_000;

/** The state of the lab that runs at an address. Throws LabClientError. */
export async function labState(control: LabAddress): Promise<LabState> {
  return (await ask(control, '/state', { method: 'GET' })) as LabState;
}

/** Sets a fault, such as `loss=5% delay=300ms`. Throws LabClientError, also when there is no such carrier. */
export async function setLabFault(
  control: LabAddress,
  carrier: string,
  fault: string,
  where: FaultPlace = {},
): Promise<void> {
  const body = JSON.stringify({ carrier, fault, ...where });
  await ask(control, '/faults', { method: 'POST', body, headers: { 'content-type': 'application/json' } });
}

/** What became of the calls, of those that came in at this moment or later. Throws LabClientError. */
export async function labResults(control: LabAddress, since?: Date): Promise<readonly CallResult[]> {
  const query = since === undefined ? '' : `?since=${since.toISOString()}`;
  return (await ask(control, `/results${query}`, { method: 'GET' })) as readonly CallResult[];
}

async function ask({ address, port }: LabAddress, path: string, init: RequestInit): Promise<unknown> {
  const url = `http://${address}:${port}${path}`;
  let response: Response;
  try {
    response = await fetch(url, { ...init, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  } catch {
    throw new LabClientError(`no lab runs on ${address}:${port}: start one with npm start (or say where: --control)`);
  }
  const answer: unknown = await response.json().catch(() => undefined);
  if (!response.ok) {
    const said = (answer as { readonly error?: unknown } | undefined)?.error;
    throw new LabClientError(typeof said === 'string' ? said : `${url} says ${response.status}`);
  }
  return answer;
}
