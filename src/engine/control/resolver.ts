import { lookup } from 'node:dns/promises';
import { parseUri, printUri } from '../../sip/uri.js';

/** Turns the host name of a SIP URI into an address. It never takes longer than a call may wait. */
export class Resolver {
  /** @returns the URI with an address in place of the name; undefined where the name means none. */
  async resolve(text: string): Promise<string | undefined> {
    const uri = parseUri(text);
    if (uri.scheme !== 'sip' && uri.scheme !== 'sips') {
      return undefined;
    }
    let limit: NodeJS.Timeout | undefined = undefined;
    const found = await Promise.race([
      lookup(uri.host).catch(() => undefined),
      new Promise<undefined>((resolve) => {
        limit = setTimeout(resolve, RESOLVE_WITHIN_MS, undefined);
      }),
    ]);
    clearTimeout(limit);
    return found === undefined ? undefined : printUri({ ...uri, host: found.address });
  }
}

const RESOLVE_WITHIN_MS = 1_000;
