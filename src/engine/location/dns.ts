import { Resolver } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { Answer, NameSource } from './names.js';

/** One try at one server; two tries and all servers must fit into the time that a call may wait. */
const TRY_MS = 300;
const TRIES = 2;
/** Node tells the time to live of addresses only. */
const SERVICE_TTL_MS = 60_000;
const NOTHING_TTL_MS = 10_000;
/** Answers that say that there is nothing, as opposed to no answer. */
const NOTHING = new Set(['ENODATA', 'ENOTFOUND']);

/**
 * Name servers, asked over the network without a thread of its own for each; before them the machine's own `hosts` file.
 *
 * @param servers addresses, with a port where it is not 53; those of the machine where none are given.
 */
export function dnsNames(servers: readonly string[] = [], hosts = '/etc/hosts'): NameSource {
  const resolver = new Resolver({ timeout: TRY_MS, tries: TRIES });
  if (servers.length > 0) {
    resolver.setServers(servers);
  }
  return {
    naptr: async (name) =>
      lasting(
        nothingIfNone(resolver.resolveNaptr(name)).then((records) =>
          records.map(({ order, preference, service, replacement }) => ({ order, preference, service, replacement })),
        ),
      ),
    srv: async (name) =>
      lasting(
        nothingIfNone(resolver.resolveSrv(name)).then((records) =>
          records.map(({ priority, weight, name: target, port }) => ({ priority, weight, target, port })),
        ),
      ),
    addresses: async (name, family) => {
      const known = await inHosts(hosts, name, family);
      if (known.length > 0) {
        return { records: known, timeToLive: SERVICE_TTL_MS };
      }
      const found = await nothingIfNone(
        family === 4 ? resolver.resolve4(name, { ttl: true }) : resolver.resolve6(name, { ttl: true }),
      );
      const shortest = Math.min(...found.map(({ ttl }) => ttl * 1_000));
      const timeToLive = found.length === 0 ? NOTHING_TTL_MS : shortest;
      return { records: found.map(({ address }) => address), timeToLive };
    },
  };
}

async function lasting<Entry>(asked: Promise<readonly Entry[]>): Promise<Answer<Entry>> {
  const records = await asked;
  return { records, timeToLive: records.length === 0 ? NOTHING_TTL_MS : SERVICE_TTL_MS };
}

async function nothingIfNone<Entry>(asked: Promise<readonly Entry[]>): Promise<readonly Entry[]> {
  try {
    return await asked;
  } catch (error) {
    if (NOTHING.has((error as NodeJS.ErrnoException).code ?? '')) {
      return [];
    }
    throw error;
  }
}

/** Lines of `address name name ...`; `#` begins a remark (hosts(5)). */
async function inHosts(path: string, name: string, family: 4 | 6): Promise<readonly string[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const lines = text.split('\n').map((line) => (line.split('#')[0] ?? '').trim().toLowerCase().split(/\s+/));
  return lines.flatMap(([address = '', ...names]) =>
    names.includes(name) && isIP(address) === family ? [address] : [],
  );
}
