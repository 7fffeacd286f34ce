import t from 'tap';
import { startCapture } from '../support/capture.js';
import { usesDrachtio } from '../support/drachtio-server.js';
import { startGateway } from '../support/gateway.js';
import { SDP, startRawCaller } from '../support/raw-caller.js';
import { valueOf } from '../support/raw-peer.js';
import { startSipp } from '../support/sipp.js';
import { until } from '../support/until.js';

// What a raw socket sends to the gateway is compared with what tshark sees in front of a SIPp answering point.
const HOST = '127.6.0.1';
const CALLER = '127.6.1.1';
const PSAP = '127.6.20.1';

interface Shape {
  readonly name: string;
  readonly type: string;
  readonly body: string;
  readonly headers?: readonly string[];
}

const pidf = `<?xml version="1.0" encoding="UTF-8"?>\r\n<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="pres:caller@example.nl"><tuple id="a"><status><geopriv xmlns="urn:ietf:params:xml:ns:pidf:geopriv10"><location-info><Point srsName="urn:ogc:def:crs:EPSG::4326"><pos>52.0907 5.1214</pos></Point></location-info></geopriv></status></tuple></presence>\r\n`;
const allBytes = String.fromCharCode(...Array.from({ length: 256 }, (_, byte) => byte));
const msd = `\x02\x5a\x00\x01\x80\xff\x0d\x0a\x0d\x0a\x00\x00--\x7f${allBytes.slice(0x80)}\x00`;

/** A multipart body with CRLF line ends; each part is its header lines, an empty line, and its content. */
function multipart(boundary: string, parts: readonly string[], around = { before: '', after: '' }): string {
  const delimited = parts.map((part) => `--${boundary}\r\n${part}\r\n`).join('');
  return `${around.before}${delimited}--${boundary}--\r\n${around.after}`;
}

const sdpPart = `Content-Type: application/sdp\r\n\r\n${SDP}`;
const pidfPart = `Content-Type: application/pidf+xml\r\nContent-ID: <loc1@example.nl>\r\n\r\n${pidf}`;
const msdPart = `Content-Type: application/EmergencyCallData.eCall.MSD\r\nContent-ID: <msd@example.nl>\r\nContent-Disposition: by-reference;handling=optional\r\n\r\n${msd}`;

const shapes: readonly Shape[] = [
  { name: 'SDP alone', type: 'application/sdp', body: SDP },
  { name: 'boundary unquoted', type: 'multipart/mixed;boundary=b1', body: multipart('b1', [sdpPart, pidfPart]) },
  { name: 'boundary quoted', type: 'multipart/mixed; boundary="b 1:x"', body: multipart('b 1:x', [sdpPart, pidfPart]) },
  {
    name: 'boundary not the last parameter',
    type: 'multipart/mixed;boundary=b1;charset=utf-8',
    body: multipart('b1', [sdpPart, pidfPart]),
  },
  {
    name: 'related, with type and start, and a location by cid',
    type: 'multipart/related;type="application/sdp";start="<sdp@x>";boundary=rel',
    body: multipart('rel', [`Content-ID: <sdp@x>\r\n${sdpPart}`, pidfPart]),
    headers: ['Geolocation: <cid:loc1@example.nl>;inserted-by="carrier.example"', 'Geolocation-Routing: yes'],
  },
  {
    name: 'nested',
    type: 'multipart/mixed;boundary=outer',
    body: multipart('outer', [
      `Content-Type: multipart/related;boundary=inner\r\n\r\n${multipart('inner', [sdpPart, pidfPart])}`,
      msdPart,
    ]),
  },
  {
    name: 'binary, as an eCall minimum set of data',
    type: 'multipart/mixed;boundary=ecall',
    body: multipart('ecall', [sdpPart, msdPart]),
    headers: [
      'Call-Info: <cid:msd@example.nl>;purpose=EmergencyCallData.eCall.MSD',
      'Recv-Info: EmergencyCallData.eCall.MSD',
    ],
  },
  {
    name: 'preamble and epilogue',
    type: 'multipart/mixed;boundary=b1',
    body: multipart('b1', [sdpPart, pidfPart], {
      before: 'This is a preamble.\r\n\r\n',
      after: '\r\nAn epilogue.\r\n',
    }),
  },
  {
    name: 'blank lines inside a part',
    type: 'multipart/mixed;boundary=b1',
    body: multipart('b1', [sdpPart, `Content-Type: text/plain\r\n\r\n\r\n\r\none\r\n\r\n\r\ntwo\r\n\r\n`]),
  },
  { name: 'an empty part', type: 'multipart/mixed;boundary=b1', body: multipart('b1', ['', sdpPart, '\r\n']) },
  { name: 'a part without headers', type: 'multipart/mixed;boundary=b1', body: multipart('b1', [sdpPart, '\r\nbare']) },
  {
    name: 'boundary of odd characters',
    type: `multipart/mixed;boundary="a'()+_,-./:=?z"`,
    body: multipart(`a'()+_,-./:=?z`, [sdpPart, pidfPart]),
  },
  {
    name: 'no line end at the end',
    type: 'multipart/mixed;boundary=b1',
    body: multipart('b1', [sdpPart, pidfPart]).trimEnd(),
  },
  {
    name: 'blanks behind the delimiters',
    type: 'multipart/mixed;boundary=b1',
    body: `--b1  \r\n${sdpPart}\r\n--b1\t\r\n${pidfPart}\r\n--b1-- \t\r\n`,
  },
  {
    name: 'line feeds alone',
    type: 'multipart/mixed;boundary=b1',
    body: multipart('b1', [sdpPart, pidfPart]).replaceAll('\r\n', '\n'),
  },
  {
    name: 'transfer encodings',
    type: 'multipart/mixed;boundary=b1',
    body: multipart('b1', [
      sdpPart,
      `Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\nAAECAwQF/w==`,
      `Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nSjaan=C3=A9 =\r\n`,
    ]),
  },
  {
    name: 'UTF-8 with a byte order mark, and an emoji',
    type: 'multipart/mixed;boundary=b1',
    body: multipart('b1', [
      sdpPart,
      `Content-Type: text/plain;charset=utf-8\r\n\r\n\xef\xbb\xbfcaf\xc3\xa9 \xf0\x9f\x9a\x92`,
    ]),
  },
  {
    name: 'Latin-1, and bytes that are no UTF-8',
    type: 'multipart/mixed;boundary=b1',
    body: multipart('b1', [sdpPart, `Content-Type: text/plain;charset=iso-8859-1\r\n\r\nNo\xebl \x80\xfe\xff`]),
  },
  { name: 'every byte there is, twice', type: 'application/octet-stream', body: allBytes + allBytes },
  {
    name: 'a SIP message in the body, and lines that look like delimiters',
    type: 'multipart/mixed;boundary=b1',
    body: multipart('b1', [
      sdpPart,
      `Content-Type: message/sipfrag\r\n\r\nINVITE sip:112@x SIP/2.0\r\nContent-Length: 5\r\n\r\n--b10\r\n--b1x--\r\n `,
    ]),
  },
  {
    name: 'a large location: 12 kB',
    type: 'multipart/mixed;boundary=b1',
    body: multipart('b1', [sdpPart, `Content-Type: application/pidf+xml\r\n\r\n${pidf.repeat(20)}`]),
  },
  { name: 'line ends and nothing else', type: 'text/plain', body: '\r\n\r\n\r\n' },
];

t.test('R45 bodies of every shape reach the answering point byte for byte', async (t) => {
  const psap = await startSipp({ scenario: 'answer.xml', address: PSAP });
  const gateway = await startGateway({
    host: HOST,
    trunks: [
      { id: 'kpn-a', carrier: 'kpn', address: `${PSAP}:5060`, tier: 1 },
      { id: 'second-a', carrier: 'second', address: '127.6.30.1:5060', tier: 2 },
    ],
  });
  t.comment(`SIP server: ${gateway.server}`);
  const capture = await startCapture('127.6.20');
  const caller = await startRawCaller(CALLER, gateway.sip);
  t.teardown(async () => {
    caller.close();
    capture.stop();
    await gateway.stop();
    await psap.stop();
  });
  for (const { name, type, body, headers = [] } of shapes) {
    const seen = capture.datagrams.length;
    const { status, hangUp } = await caller.call({
      uri: 'sip:112@carrier.example',
      headers: [`Content-Type: ${type}`, 'MIME-Version: 1.0', ...headers],
      body,
    });
    if (usesDrachtio && body.includes('\0')) {
      t.equal(status, 400, `${name}: drachtio-server itself refuses a body with a zero byte`);
      continue;
    }
    await hangUp();
    const invite = (): string | undefined =>
      capture.datagrams.slice(seen).find(({ payload }) => payload.startsWith('INVITE '))?.payload;
    await until(() => invite() !== undefined, 2_000);
    const arrived = invite() ?? '';
    t.equal(status, 200, `${name}: answered`);
    t.equal(hex(bodyOf(arrived)), hex(body), `${name}: the body is the same, byte for byte`);
    // drachtio-server writes Content-Type anew, without blanks.
    t.equal(
      valueOf(arrived, 'Content-Type'),
      usesDrachtio ? type.replaceAll('; ', ';') : type,
      `${name}: and so is its type`,
    );
    t.equal(valueOf(arrived, 'Content-Length'), String(body.length), `${name}: and its length`);
    for (const line of headers) {
      const [header = ''] = line.split(':');
      t.equal(`${header}: ${valueOf(arrived, header)}`, line, `${name}: ${header}`);
    }
  }
});

function bodyOf(message: string): string {
  return message.slice(message.indexOf('\r\n\r\n') + 4);
}

function hex(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('hex');
}
