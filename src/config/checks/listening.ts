import type { SipAddress } from '../../domain/network.js';
import { isLoopback, isWildcard, readContact, showAddress } from '../address.js';
import { contested, type Check, type Claim, type Draft } from '../draft.js';
import type { ConfigPath, Problem } from '../problem.js';

interface Listener extends SipAddress {
  readonly path: ConfigPath;
  readonly what: string;
}

/** Where we listen: somewhere, each place once, and never where a trunk of ours leads to. */
export const listening: Check = (draft) => [
  ...contacts(draft),
  ...collisions(draft),
  ...ownTrunks(draft),
  ...spoken(draft),
  ...servers(draft),
];

function contacts({ site: { source, value } }: Draft): readonly Problem[] {
  const isWrong = value.sip.engine === 'embedded' && value.sip.contacts.length === 0;
  const message = 'the embedded engine listens nowhere, expected a list such as [sip:192.0.2.1:5060;transport=udp]';
  return isWrong ? [source.problem(['sip', 'contacts'], message)] : [];
}

/** What this machine listens on. A drachtio-server has its own configuration, and may be elsewhere. */
function listeners({ site: { value } }: Draft): readonly Listener[] {
  const { sip, admin } = value;
  const web = { host: admin.address, port: admin.port, transport: 'tcp' } as const;
  const own: Listener = { ...web, path: ['admin'], what: 'the admin interface' };
  if (sip.engine !== 'embedded') {
    return [own];
  }
  const control: Listener = { ...sip.control, transport: 'tcp', path: ['sip', 'control'], what: 'sip.control' };
  return [...contactListeners(sip.contacts), control, own];
}

function contactListeners(contacts: readonly string[]): readonly Listener[] {
  return contacts.flatMap((text, index) => {
    const address = readContact(text);
    return address === undefined ? [] : [{ ...address, path: ['sip', 'contacts', index], what: `contact ${text}` }];
  });
}

function collisions(draft: Draft): readonly Problem[] {
  const all = listeners(draft);
  return all.flatMap((later, index) => {
    const first = all.slice(0, index).find((each) => collide(each, later));
    return first === undefined
      ? []
      : [draft.site.source.problem(later.path, `port ${later.port} is taken by ${first.what}, expected another port`)];
  });
}

function collide(a: SipAddress, b: SipAddress): boolean {
  const isSameSocket = (a.transport === 'udp') === (b.transport === 'udp');
  return isSameSocket && a.port === b.port && (a.host === b.host || isWildcard(a.host) || isWildcard(b.host));
}

function ownTrunks(draft: Draft): readonly Problem[] {
  const { source, value } = draft.inventory;
  const own = contactListeners(draft.site.value.sip.contacts);
  return Object.entries(value.trunks)
    .filter(([, { address }]) => own.some((contact) => collide(contact, address) && !isWildcard(contact.host)))
    .map(([id, { address }]) => {
      const message = `${showAddress(address)} is where we listen ourselves, expected the carrier's address`;
      return source.problem(['trunks', id, 'address'], message);
    });
}

/** Each SIP server once: two connections to one server are one server to lose. */
function servers({ site: { source, value } }: Draft): readonly Problem[] {
  const named = [
    { ...value.sip.control, path: ['sip', 'control'], owner: 'sip.control' },
    ...value.sip.servers.map((server, index) => {
      return { ...server, path: ['sip', 'servers', index], owner: `sip.servers[${index}]` };
    }),
  ];
  const claims = named.map(({ host, port, path, owner }): Claim => ({ key: `${host}:${port}`, source, path, owner }));
  return contested(claims, ({ key }, { owner }) => `${key} is ${owner} already, expected another SIP server`);
}

/** TLS needs a certificate, and the embedded engine reaches a trunk over TCP or TLS only from a contact of that kind. */
function spoken(draft: Draft): readonly Problem[] {
  const { site, inventory } = draft;
  const contacts = contactListeners(site.value.sip.contacts);
  if (site.value.sip.engine !== 'embedded') {
    return [];
  }
  const own = new Set(['udp', ...contacts.map(({ transport }) => transport)]);
  return [
    ...contacts
      .filter(({ transport }) => transport === 'tls' && site.value.sip.tls === undefined)
      .map(({ path }) => site.source.problem(path, NO_CERTIFICATE)),
    ...Object.entries(inventory.value.trunks)
      .filter(([, { address }]) => !own.has(address.transport))
      .map(([id, { address }]) => inventory.source.problem(['trunks', id, 'address'], noContact(address.transport))),
  ];
}

const NO_CERTIFICATE = 'a contact over tls needs a certificate, expected sip.tls with certificateFile and keyFile';

function noContact(transport: string): string {
  return `the site listens nowhere over ${transport}, expected a contact with transport=${transport} in its site file`;
}

/** A lab file stays on this machine, and nothing on this machine is taken for a carrier outside a lab file. */
export const labOnly: Check = (draft) => (draft.site.value.lab ? labReach(draft) : simulated(draft));

/** The family of gateways that only the lab has. */
const SIMULATED = 'simulated';

function simulated({ inventory: { source, value } }: Draft): readonly Problem[] {
  const message =
    'a simulated gateway could answer a real 112 call, expected a real one, or lab: true in the site file of a lab';
  return Object.entries(value.gateways)
    .filter(([, { family }]) => family === SIMULATED)
    .map(([id]) => source.problem(['gateways', id, 'family'], message));
}

function remoteServers({ site: { value } }: Draft) {
  return value.sip.servers.map(({ host }, index) => ({ host, path: ['sip', 'servers', index] }));
}

function labReach(draft: Draft): readonly Problem[] {
  const { site, inventory } = draft;
  const message = (host: string): string =>
    `${host} is outside this machine, expected a loopback address in a lab file`;
  return [
    ...[...listeners(draft), ...remoteServers(draft)]
      .filter(({ host }) => !isLoopback(host))
      .map(({ path, host }) => site.source.problem(path, message(host))),
    ...Object.entries(inventory.value.trunks)
      .filter(([, { address }]) => !isLoopback(address.host))
      .map(([id, { address }]) => inventory.source.problem(['trunks', id, 'address'], message(address.host))),
  ];
}
