import { asciiUpper, nextBlank, skipBlanks, trimBlanks } from './chars.js';
import { parseHostPort, printHostPort } from './host-port.js';
import { parseParams, printParams, type Params } from './params.js';

/** One Via value (RFC 3261 20.42). */
export interface Via {
  /** Upper case: `UDP`, `TCP`, `TLS` ... */
  readonly transport: string;
  /** An IPv6 address without its brackets. */
  readonly host: string;
  readonly port: number | undefined;
  readonly params: Params;
}

/** Reads `SIP/2.0/UDP host:port;params`, blanks around the slashes allowed. Undefined where there is no host. */
export function parseVia(value: string): Via | undefined {
  const second = value.indexOf('/', value.indexOf('/') + 1);
  if (second <= 0) {
    return undefined;
  }
  const from = skipBlanks(value, second + 1);
  const to = nextBlank(value, from);
  const semicolon = value.indexOf(';', to);
  const end = semicolon < 0 ? value.length : semicolon;
  const { host, port } = parseHostPort(trimBlanks(value.slice(to, end)));
  if (host === '' || from === to) {
    return undefined;
  }
  const transport = value.slice(from, to);
  return {
    transport: transport === 'UDP' ? transport : asciiUpper(transport),
    host,
    port,
    params: parseParams(value.slice(end)),
  };
}

/** The value as text; `rport` without a value stays bare. */
export function printVia(via: Via): string {
  return `SIP/2.0/${via.transport} ${printHostPort(via)}${printParams(via.params)}`;
}
