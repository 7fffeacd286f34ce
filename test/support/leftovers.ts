import { usesDrachtio } from './drachtio-server.js';
import type { LabStats, TestLab } from './lab.js';

/** What is open in every part of a lab: calls, dialogs, transactions. Probes are always there. */
export async function open(lab: TestLab): Promise<Readonly<Record<string, unknown>>> {
  const { carriers, psaps } = await lab.state();
  const { openCalls, dialogs, engine } = await lab.stats();
  return {
    gateway: { openCalls, dialogs },
    ...(engine === undefined ? {} : { engine: openIn(engine) }),
    carriers: carriers.map((each) => each.open),
    psaps: psaps.map((each) => each.open),
  };
}

function openIn(engine: NonNullable<LabStats['engine']>): Readonly<Record<string, unknown>> {
  const { dialogs, inviteClients, inviteServers, otherClients, otherServers, probes, legs, asked } = engine;
  const others = Number(otherClients) + Number(otherServers) - Number(probes);
  return { dialogs, inviteClients, inviteServers, others, legs, asked };
}

const NOTHING = { legs: 0, transactions: 0, dialogs: 0 };
const NOTHING_IN_ENGINE = {
  dialogs: 0,
  inviteClients: 0,
  inviteServers: 0,
  others: 0,
  legs: 0,
  asked: 0,
};

/** The same where nothing is left. drachtio-server does not tell what is open in it. */
export function nothing(carriers: number, psaps: number): Readonly<Record<string, unknown>> {
  return {
    gateway: { openCalls: 0, dialogs: 0 },
    ...(usesDrachtio ? {} : { engine: NOTHING_IN_ENGINE }),
    carriers: Array.from({ length: carriers }, () => NOTHING),
    psaps: Array.from({ length: psaps }, () => NOTHING),
  };
}

/** Whether nothing is left of any call. */
export async function isQuiet(lab: TestLab): Promise<boolean> {
  return JSON.stringify(await open(lab)) === JSON.stringify(nothing(3, 2));
}
