import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endProcess } from './end-process.js';
import { bound } from './sipp.js';

/** A running Kamailio. */
export interface Kamailio {
  stop(): Promise<void>;
}

/**
 * Debian's Kamailio as a carrier: a stateful proxy that stays in the dialog, answers OPTIONS, and has one next hop.
 *
 * @param strips header names that it takes out of an INVITE.
 */
export async function startKamailio(
  address: string,
  nextHop: string,
  strips: readonly string[] = [],
): Promise<Kamailio> {
  const folder = mkdtempSync(join(tmpdir(), 'noodroute-kamailio-'));
  const file = join(folder, 'kamailio.cfg');
  writeFileSync(file, config(address, nextHop, strips));
  const options = ['-f', file, '-DD', '-E', '-m', '32', '-M', '4', '-P', join(folder, 'pid'), '-Y', folder];
  const child = spawn('kamailio', options, { stdio: 'ignore' });
  const endWithTest = (): void => {
    child.kill('SIGTERM');
  };
  process.once('exit', endWithTest);
  await bound(address, 5060);
  return {
    stop: async () => {
      process.removeListener('exit', endWithTest);
      await endProcess(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function config(address: string, nextHop: string, strips: readonly string[]): string {
  return `listen=udp:${address}:5060
children=1
disable_tcp=yes
auto_aliases=no
log_stderror=yes
debug=0
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "textops.so"
loadmodule "siputils.so"
request_route {
  if (is_method("OPTIONS") && !has_totag()) { sl_send_reply("200", "OK"); exit; }
  if (has_totag()) {
    if (loose_route()) { t_relay(); exit; }
    if (is_method("ACK")) { if (t_check_trans()) { t_relay(); } exit; }
    sl_send_reply("404", "Not here"); exit;
  }
  if (is_method("CANCEL")) { if (t_check_trans()) { t_relay(); } exit; }
  t_check_trans();
  record_route();
  ${strips.map((name) => `remove_hf("${name}");`).join(' ')}
  $du = "sip:${nextHop}";
  t_relay();
}
`;
}
