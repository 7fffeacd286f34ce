import { asciiLower } from '../../sip/chars.js';
import { parseUri, type SipUri } from '../../sip/uri.js';
import type { EngineClock } from '../clock.js';
import { defaultPort, type Protocol } from '../transport/transport.js';
import { CachedNames } from './cached-names.js';
import type { Answer, NameSource, SrvRecord } from './names.js';
import { orderServers, orderWays } from './order.js';
import { chosenProtocol, hostOf, hopsOf, isAddress, isSpoken, type NextHop } from './target.js';

/** A call that waits longer for a name is better off without it. */
const LOCATE_WITHIN_MS = 1_500;
const SERVERS_AT_MOST = 16;
const HOPS_AT_MOST = 32;

/** What can be sent: a transport of ours. */
export interface Reach {
  readonly protocol: Protocol;
  /** Ours; tells the family. */
  readonly address: string;
}

/** A server by name, and how to speak to it. */
interface Server {
  readonly host: string;
  readonly port: number;
  readonly protocol: Protocol;
  readonly isOpen: boolean;
}

const SERVICES: Readonly<Record<string, Protocol>> = { 'sip+d2u': 'udp', 'sip+d2t': 'tcp', 'sips+d2t': 'tls' };
const SRV_PREFIX: Readonly<Record<Protocol, string>> = { udp: '_sip._udp', tcp: '_sip._tcp', tls: '_sips._tcp' };
const BY_PREFERENCE: readonly Protocol[] = ['udp', 'tcp', 'tls'];

/** Finds the servers of a SIP URI, in the order in which they are to be tried (RFC 3263 4). */
export class Locator {
  readonly #names: NameSource;
  readonly #clock: EngineClock;
  readonly #random: () => number;

  /** @param random from 0 up to, not including, 1; for the weights of servers. */
  constructor(source: NameSource, clock: EngineClock, random: () => number) {
    this.#names = new CachedNames(source, clock);
    this.#clock = clock;
    this.#random = random;
  }

  /** @returns the next hops in order; none where the name means none, or no name server says what it means in time. */
  async locate(text: string, reach: readonly Reach[]): Promise<readonly NextHop[]> {
    const uri = parseUri(text);
    const spoken = BY_PREFERENCE.filter((protocol) => reach.some((each) => each.protocol === protocol));
    if ((uri.scheme !== 'sip' && uri.scheme !== 'sips') || !isSpoken(text, spoken)) {
      return [];
    }
    return hopsOf(text) ?? this.#inTime(this.#resolve(uri, spoken, reach));
  }

  async #inTime(found: Promise<readonly NextHop[]>): Promise<readonly NextHop[]> {
    return new Promise((resolve) => {
      const timer = this.#clock.setTimer(LOCATE_WITHIN_MS, () => {
        resolve([]);
      });
      found
        .catch(() => [])
        .then((hops) => {
          timer.cancel();
          resolve(hops);
        }, resolve);
    });
  }

  async #resolve(uri: SipUri, spoken: readonly Protocol[], reach: readonly Reach[]): Promise<readonly NextHop[]> {
    const host = asciiLower(hostOf(uri)).replace(/\.$/, '');
    const servers = await this.#servers(uri, host, spoken);
    const hops = await Promise.all(
      servers.slice(0, SERVERS_AT_MOST).map(async (server) => this.#hops(server, host, reach)),
    );
    return hops.flat().slice(0, HOPS_AT_MOST);
  }

  /** RFC 3263 4.1 and 4.2: which transport, and which servers. */
  async #servers(uri: SipUri, host: string, spoken: readonly Protocol[]): Promise<readonly Server[]> {
    const chosen = chosenProtocol(uri);
    const protocol = chosen ?? spoken[0] ?? 'udp';
    const plain = { host, port: uri.port ?? defaultPort(protocol), protocol, isOpen: chosen === undefined };
    if (!spoken.includes(protocol)) {
      return [];
    }
    if (uri.port !== undefined || isAddress(host)) {
      return [plain];
    }
    const ways = uri.params.has('transport') ? [] : await this.#ways(host, uri.scheme, spoken);
    const asked = chosen === undefined ? spoken : [chosen];
    const services =
      ways.length > 0 ? ways : asked.map((each) => ({ name: `${SRV_PREFIX[each]}.${host}`, protocol: each }));
    const servers = await Promise.all(services.map(async ({ name, protocol: by }) => this.#service(name, by)));
    const found = servers.flat();
    return found.length > 0 ? found : [plain];
  }

  /** What the domain itself says about how to reach it. */
  async #ways(
    host: string,
    scheme: 'sip' | 'sips',
    spoken: readonly Protocol[],
  ): Promise<readonly { readonly name: string; readonly protocol: Protocol }[]> {
    const { records } = await orNothing(this.#names.naptr(host));
    return orderWays(records).flatMap(({ service, replacement }) => {
      const protocol = SERVICES[asciiLower(service)];
      const isOurs = protocol !== undefined && spoken.includes(protocol) && (scheme === 'sip' || protocol === 'tls');
      return isOurs && replacement !== '' ? [{ name: asciiLower(replacement), protocol }] : [];
    });
  }

  /** A target of `.` says that the service is not there (RFC 2782); Node shows it as no name. */
  async #service(name: string, protocol: Protocol): Promise<readonly Server[]> {
    const { records } = await orNothing(this.#names.srv(name));
    const usable = records.filter(({ target, port }) => target !== '' && target !== '.' && port > 0);
    return orderServers(usable, this.#random).map(({ target, port }: SrvRecord) => ({
      host: asciiLower(target),
      port,
      protocol,
      isOpen: false,
    }));
  }

  /** @param domain what the certificate of the server must show (RFC 5922 4): the name in the URI, not that of the server. */
  async #hops(server: Server, domain: string, reach: readonly Reach[]): Promise<readonly NextHop[]> {
    const { host, port, protocol, isOpen } = server;
    const families = ([4, 6] as const).filter((family) =>
      reach.some((each) => each.protocol === protocol && each.address.includes(':') === (family === 6)),
    );
    const found = isAddress(host)
      ? [{ records: [host] }]
      : await Promise.all(families.map(async (family) => orNothing(this.#names.addresses(host, family))));
    const name = protocol === 'tls' && !isAddress(domain) ? { name: domain } : {};
    return found.flatMap(({ records }) =>
      records.map((address): NextHop => ({ peer: { address, port, transport: protocol, ...name }, isOpen })),
    );
  }
}

/** No answer for one part of the way does not spoil the others. */
async function orNothing<Entry>(asked: Promise<Answer<Entry>>): Promise<Answer<Entry>> {
  return asked.catch(() => ({ records: [], timeToLive: 0 }));
}
