import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runSipp, startSipp, type Sipp, type SippResult } from '../support/sipp.js';

/** One step of a SIPp scenario, as XML. */
export type Step = string;

interface Message {
  /** Header lines beside those that every message has. */
  readonly headers?: readonly string[];
  readonly sdp?: boolean;
  readonly body?: string;
}

interface OwnRequest extends Message {
  readonly cseq?: number;
  /** Belongs to the transaction of the INVITE with this number. */
  readonly ofInvite?: number;
}

interface Expected {
  readonly optional?: boolean;
  /** What a header must look like: SIPp fails the call if not. */
  readonly check?: readonly (readonly [header: string, regexp: string])[];
}

const SDP = [
  'v=0',
  'o=sipp 53655765 2353687637 IN IP[local_ip_type] [local_ip]',
  's=-',
  'c=IN IP[local_ip_type] [local_ip]',
  't=0 0',
  'm=audio 6000 RTP/AVP 8',
  'a=rtpmap:8 PCMA/8000',
].join('\n');

/** What our side of every message of SIPp says. The tag is that of the call, in either direction. */
const US = '<sip:sipp@[local_ip]:[local_port]>;tag=[pid]sipp[call_number]';
const CONTACT = 'Contact: <sip:sipp@[local_ip]:[local_port]>';

/** SIPp sends an INVITE that starts a call. */
export function invite(message: Message = {}): Step {
  return request('INVITE', { sdp: true, ...message, cseq: 1 }, 'sip:[service]@[remote_ip]:[remote_port]', '');
}

/** SIPp sends any request outside a dialog. */
export function newRequest(method: string, message: OwnRequest = {}): Step {
  return request(method, message, 'sip:[service]@[remote_ip]:[remote_port]', '');
}

/** SIPp sends CANCEL of its INVITE. */
export function cancel(message: Message = {}): Step {
  return request('CANCEL', { ...message, cseq: 1, ofInvite: 1 }, 'sip:[service]@[remote_ip]:[remote_port]', '');
}

/** SIPp sends a request in the dialog. */
export function inDialog(method: string, message: OwnRequest): Step {
  return request(method, message, '[next_url]', '[peer_tag_param]');
}

/** SIPp sends a request in the early dialog. It knows no Contact yet. */
export function inEarlyDialog(method: string, message: OwnRequest): Step {
  return request(method, message, 'sip:[service]@[remote_ip]:[remote_port]', '[peer_tag_param]');
}

/** SIPp, which was called, sends a request in the dialog. */
export function fromCallee(method: string, message: OwnRequest): Step {
  return request(method, message, '[next_url]', '').replace(/^To: .*$/m, 'To:[$97]');
}

/** SIPp acknowledges a 2xx. */
export function ack(message: OwnRequest = {}): Step {
  return inDialog('ACK', { cseq: 1, ...message });
}

/** SIPp acknowledges a failure, in the transaction of the INVITE. */
export function ackFailure(cseq = 1): Step {
  return inEarlyDialog('ACK', { cseq, ofInvite: cseq });
}

interface Response extends Message {
  /** What our To tag has in it; empty where the request has one already. */
  readonly tag?: string;
  /** Whether SIPp sends it again until something comes. */
  readonly retrans?: boolean;
  /** Whether it has the Contact of SIPp. */
  readonly contact?: boolean;
  /** Whether it answers the INVITE, and not the last request. */
  readonly ofInvite?: boolean;
}

/** SIPp answers the last request. */
export function respond(status: string, message: Response = {}): Step {
  const { tag = 'sipp', headers = [], retrans = false, contact = true, ofInvite = false } = message;
  const { type, content } = bodyOf(message);
  const to = tag === '' ? '[last_To:]' : `[last_To:];tag=[pid]${tag}[call_number]`;
  const [via, sequence] = ofInvite ? ['Via:[$98]', 'CSeq:[$99]'] : ['[last_Via:]', '[last_CSeq:]'];
  const lines = [`SIP/2.0 ${status}`, via, '[last_From:]', to, '[last_Call-ID:]', sequence];
  const own = contact ? [CONTACT] : [];
  return send([...lines, ...own, ...headers, ...type, 'Content-Length: [len]', '', content], retrans);
}

/** SIPp waits for a response with this status. */
export function response(status: number, expected: Expected = {}): Step {
  return receive(`response="${status}"`, expected);
}

/** SIPp waits for a response that makes a dialog: its requests go where this says. */
export function answered(status = 200, expected: Expected = {}): Step {
  return receive(`response="${status}" rrs="true"`, expected);
}

/** SIPp waits for a request. */
export function received(method: string, expected: Expected = {}): Step {
  if (method !== 'INVITE') {
    return receive(`request="${method}"`, expected);
  }
  return receive(`request="${method}" rrs="true"`, expected, REMEMBERED);
}

/** The headers of the last INVITE that SIPp received, for what it sends later on, in these variables. */
const REMEMBERED = [
  ['From', 97],
  ['Via', 98],
  ['CSeq', 99],
] as const;

export function pause(milliseconds: number): Step {
  return `<pause milliseconds="${milliseconds}" />`;
}

/** The end of a call by SIPp. */
export function hangUp(cseq: number): readonly Step[] {
  return [inDialog('BYE', { cseq }), response(200)];
}

/** The end of a call by the application. */
export function hungUp(check: Expected['check'] = []): readonly Step[] {
  return [received('BYE', { check }), respond('200 OK', { tag: '' })];
}

/** SIPp's verdict: empty where the scenario was played to its end; else what it said, and every message. */
export function verdict({ exitCode, successful, output, messages }: SippResult): string {
  return exitCode === 0 && successful === 1 ? '' : `${output}\n${messages}`;
}

/** Where SIPp plays a scenario. */
interface Place {
  readonly address: string;
  readonly port?: number;
}

/** Plays a scenario as the caller, to its end. */
export async function call(place: Place, target: string, service: string, steps: readonly Step[]): Promise<SippResult> {
  const file = new ScenarioFile(service, steps);
  const result = await runSipp({ ...place, scenario: file.path, target, service, calls: 1, more: LIMIT });
  file.remove();
  return result;
}

/** Waits for one call and plays a scenario as the called side. */
export async function answer(place: Place, name: string, steps: readonly Step[]): Promise<Sipp> {
  const file = new ScenarioFile(name, steps);
  const sipp = await startSipp({ ...place, scenario: file.path, calls: 1, more: LIMIT });
  void sipp.done.then(() => {
    file.remove();
  });
  return sipp;
}

/** No step of a scenario may wait for ever. */
const LIMIT = ['-recv_timeout', '45000'];

class ScenarioFile {
  readonly path: string;
  readonly #folder = mkdtempSync(join(tmpdir(), 'noodroute-scenario-'));

  constructor(name: string, steps: readonly Step[]) {
    this.path = join(this.#folder, 'scenario.xml');
    const head = '<?xml version="1.0" encoding="ISO-8859-1" ?>\n<!DOCTYPE scenario SYSTEM "sipp.dtd">';
    writeFileSync(this.path, `${head}\n<scenario name="${name}">\n${steps.join('\n')}\n</scenario>\n`);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function request(method: string, message: OwnRequest, uri: string, toTag: string): Step {
  const { headers = [], cseq = 1, ofInvite } = message;
  const { type, content } = bodyOf(message);
  const branch = ofInvite === undefined ? `${method}${cseq}` : `INVITE${ofInvite}`;
  const lines = [
    `${method} ${uri} SIP/2.0`,
    `Via: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch=z9hG4bK[pid]-[call_number]-${branch}`,
    ...(toTag === '' ? [] : ['[routes]']),
    `From: ${US}`,
    `To: <sip:[service]@[remote_ip]:[remote_port]>${toTag}`,
    'Call-ID: [call_id]',
    `CSeq: ${cseq} ${method}`,
    CONTACT,
    'Max-Forwards: 70',
  ];
  return send([...lines, ...headers, ...type, 'Content-Length: [len]', '', content], method !== 'ACK');
}

function bodyOf({ sdp = false, body = '' }: Message): { readonly type: readonly string[]; readonly content: string } {
  return sdp ? { type: ['Content-Type: application/sdp'], content: SDP } : { type: [], content: body };
}

function send(lines: readonly string[], retrans: boolean): Step {
  return `<send${retrans ? ' retrans="500"' : ''}><![CDATA[\n\n${lines.join('\n')}\n\n]]></send>`;
}

function receive(
  what: string,
  { optional = false, check = [] }: Expected,
  remember: readonly (readonly [header: string, variable: number])[] = [],
): Step {
  const checks = check.map(([header, regexp], at) => ereg(header, regexp, at + 1));
  const kept = remember.map(([header, variable]) => ereg(header, '.*', variable));
  const numbers = [...check.map((_, at) => at + 1), ...remember.map(([, variable]) => variable)];
  // SIPp refuses a scenario with a variable that is never used.
  const used = numbers.map((number) => `<log message="[$${number}]" />`);
  const actions = [...checks, ...kept, ...used].join('');
  return `<recv ${what}${optional ? ' optional="true"' : ''}><action>${actions}</action></recv>`;
}

function ereg(header: string, regexp: string, variable: number): string {
  return `<ereg regexp="${escape(regexp)}" search_in="hdr" header="${header}:" check_it="true" assign_to="${variable}" />`;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
