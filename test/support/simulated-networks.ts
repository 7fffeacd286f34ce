import { id, type TrunkId } from '../../src/domain/ids.js';
import { smallNetwork } from './network.js';

/** KPN with two trunks, and a second carrier with one. */
export const two = smallNetwork([
  { id: 'kpn-a', carrier: 'kpn', tier: 1 },
  { id: 'kpn-b', carrier: 'kpn', tier: 1 },
  { id: 'second-a', carrier: 'second', tier: 2 },
]);

/** Each with one. */
export const one = smallNetwork([
  { id: 'kpn-a', carrier: 'kpn', tier: 1 },
  { id: 'second-a', carrier: 'second', tier: 2 },
]);

export const kpnTrunks: ReadonlySet<TrunkId> = new Set(['kpn-a', 'kpn-b'].map((name) => id<TrunkId>(name)));
