import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Authority, Certificate } from './certificates.js';
import { endWithChildren, killGroup } from './end-process.js';
import { bound } from './sipp.js';

/** A running Kamailio. */
export interface Kamailio {
  stop(): Promise<void>;
}

interface KamailioOptions {
  /** Header names that it takes out of an INVITE. */
  readonly strips?: readonly string[];
  /** With it, it takes SIP over TLS on port 5061, shows this to everybody, and believes who `authority` signed, alone. */
  readonly tls?: { readonly own: Certificate; readonly authority: Authority };
}

/**
 * Debian's Kamailio as a carrier: a stateful proxy that stays in the dialog, answers OPTIONS, and has one next hop.
 *
 * @param nextHop `host:port`, with `;transport=tls` where that is wanted.
 */
export async function startKamailio(
  address: string,
  nextHop: string,
  options: KamailioOptions = {},
): Promise<Kamailio> {
  const folder = mkdtempSync(join(tmpdir(), 'noodroute-kamailio-'));
  const file = join(folder, 'kamailio.cfg');
  writeFileSync(file, config(address, nextHop, options));
  const flags = ['-f', file, '-DD', '-E', '-m', '64', '-M', '4', '-P', join(folder, 'pid'), '-Y', folder];
  const child = spawn('kamailio', flags, { stdio: 'ignore', detached: true });
  const endWithTest = (): void => {
    killGroup(child);
  };
  process.once('exit', endWithTest);
  await bound(address, 5060);
  return {
    stop: async () => {
      process.removeListener('exit', endWithTest);
      await endWithChildren(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function config(address: string, nextHop: string, { strips = [], tls }: KamailioOptions): string {
  return `listen=udp:${address}:5060
children=1
${tls === undefined ? 'disable_tcp=yes' : overTls(address, tls)}
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

/** Both ends of each connection show a certificate, and it is checked. */
function overTls(address: string, { own, authority }: NonNullable<KamailioOptions['tls']>): string {
  return `enable_tls=yes
listen=tls:${address}:5061
loadmodule "tls.so"
modparam("tls", "certificate", "${own.certFile}")
modparam("tls", "private_key", "${own.keyFile}")
modparam("tls", "ca_list", "${authority.certFile}")
modparam("tls", "tls_method", "TLSv1.2+")
modparam("tls", "verify_certificate", 1)
modparam("tls", "require_certificate", 1)`;
}
