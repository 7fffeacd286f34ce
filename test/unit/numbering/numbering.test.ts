import { ok } from 'node:assert';
import * as fc from 'fast-check';
import t from 'tap';
import { cpuTimeOf } from '../../support/cpu-time.js';
import { id, type ServiceId } from '../../../src/domain/ids.js';
import { toE164 } from '../../../src/numbering/e164.js';
import { recognise, type NumberingPlan, type Recognition } from '../../../src/numbering/service.js';
import { parseMessage, type Header } from '../../../src/sip/message.js';

const plan: NumberingPlan = {
  services: [
    { id: id<ServiceId>('0900-8844'), class: 'priority', short: [], national: ['09008844'], urns: [] },
    { id: id<ServiceId>('112'), class: 'emergency', short: ['112'], national: [], urns: ['urn:service:sos'] },
  ],
  countryCode: '31',
  internationalPrefix: '00',
  nationalPrefix: '0',
  outsideLinePrefixes: ['0', '9'],
  networkPrefixes: ['0140'],
};

function asked(uri: string, to?: string, used: NumberingPlan = plan): Recognition {
  const headers: Header[] = to === undefined ? [] : [{ name: 'To', value: to }];
  return recognise({ uri, headers }, used);
}

const EMERGENCY = [
  // Table 3.1, in the order of the table.
  'sip:112@127.0.0.1',
  'sip:0112@gw.example',
  'sip:+31112@gw.example',
  'sip:0031112@gw.example',
  'tel:112;phone-context=+31',
  'sip:112@gw.example;user=phone',
  'urn:service:sos',
  'urn:service:sos.police',
  'urn:service:sos.fire',
  'urn:service:sos.ambulance',
  'urn:service:sos.ecall.automatic',
  'urn:service:sos.ecall.manual',
  'sip:9112@pbx.example',
  'sip:0140112@kpn.example',
  'sip:+31140112@kpn.example',
  'sip:0031140112@kpn.example',
  // The same, written in other ways.
  'SIP:112@gw.example',
  'sips:112@gw.example',
  'sip:112@gw.example:5080;transport=udp;lr',
  'sip:112:secret@gw.example',
  'sip:112@[2001:db8::1]:5060',
  'sip:112@127.0.0.1?Priority=emergency',
  'sip:112@gw.example;user=ip',
  'sip:112;phone-context=+31@gw.example',
  'sip:112;phone-context=+31@gw.example;user=phone',
  'sip:112;PHONE-CONTEXT=gw.example@gw.example',
  'sip:112;isub=1;phone-context=+31@gw.example',
  'sip:112;phone-context=+3120@gw.example',
  'sip:112;phone-context=+49@gw.example',
  'sip:+31112;phone-context=+49@gw.example',
  'sip:112;phone-context=+31',
  'sip:112@gw.example;phone-context=+31',
  'sip:112%3Bphone-context=%2B31@gw.example',
  'sip:%31%31%32@gw.example',
  'sip:%2B31112@gw.example',
  'sip:1-1-2@gw.example',
  'sip:1.1.2@gw.example',
  'sip:(112)@gw.example',
  'sip:%20112@gw.example',
  'sip: 112@gw.example',
  'sip:112%23@gw.example',
  'sip:112',
  'sip:112@',
  'sip:112:5060',
  'sip:+31112;user=phone',
  'sip:112@host with blanks',
  'sip:112@gw.example:notaport',
  'sip:112@a@b',
  '<sip:112@gw.example>',
  '112',
  '112@gw.example',
  '+31112',
  'tel:112',
  'TEL:112',
  'tel:+31112',
  'tel:+31-112',
  'tel:0031112',
  'tel:112;phone-context=gw.example',
  'tel:112@gw.example',
  'URN:SERVICE:SOS',
  'urn:Service:Sos.Police',
  'urn:service:sos?x=y',
  'urn:service:sos;x=y',
  'urn:service:sos@gw.example',
  'sip:urn:service:sos',
  'sip:urn:service:sos@gw.example',
  'sip:urn:service:sos.fire@gw.example;transport=udp',
];

const POLICE = [
  'sip:09008844@gw.example',
  'sip:0900-8844@gw.example',
  'sip:+319008844@gw.example',
  'sip:00319008844@gw.example',
  'tel:+319008844',
  'tel:+31-900-8844',
  'tel:0900-8844;phone-context=+31',
  'tel:9008844;phone-context=+31',
  'sip:9008844@gw.example',
  'sip:319008844@gw.example',
  'sip:+31(0)900-8844@gw.example',
  'sip:0900%208844@gw.example;user=phone',
  'sip:%2B319008844;phone-context=+31@gw.example',
];

const NOTHING = [
  '',
  'sip:',
  'sip:@',
  'tel:',
  'urn:',
  'sip:127.0.0.1',
  'sip:1.1.2',
  'sip:gw.example',
  'sip:1122@gw.example',
  'sip:1112@gw.example',
  'sip:11@gw.example',
  'sip:112112@gw.example',
  'sip:0112345678@gw.example',
  'sip:00112@gw.example',
  'sip:99112@gw.example',
  'sip:8112@gw.example',
  'sip:+112@gw.example',
  'sip:+31112345678@gw.example',
  'sip:+311122@gw.example',
  'sip:0031112345@gw.example',
  'sip:+32112@gw.example',
  'sip:0201112@gw.example',
  'sip:0208001112@gw.example',
  'sip:0800-8112@gw.example',
  'sip:112a@gw.example',
  'sip:alarm112@gw.example',
  'sip:112-nl@gw.example',
  'sip:bob@112.example',
  'sip:bob@112',
  'sip:112*@gw.example',
  'sip:144@gw.example',
  'sip:113@gw.example',
  'sip:116000@gw.example',
  'sip:911@gw.example',
  'urn:service:test.sos',
  'urn:service:test.sos.police',
  'urn:service:sosx',
  'urn:service:counseling',
  'urn:nena:service:sos2',
  'cid:112@gw.example',
  'h323:112@gw.example',
  'http://112.nl/',
  'sip:090088445@gw.example',
  'sip:0900884@gw.example',
  'sip:09008844;phone-context=+49@gw.example',
  'sip:+499008844@gw.example',
  'sip:009008844@gw.example',
];

t.test('every form of the table, in the Request-URI', async (t) => {
  for (const uri of EMERGENCY) {
    t.match(asked(uri), { service: '112', from: 'request-uri' }, uri);
  }
  for (const uri of POLICE) {
    t.match(asked(uri), { service: '0900-8844', from: 'request-uri' }, uri);
  }
});

t.test('what only looks like a service is none', async (t) => {
  for (const uri of NOTHING) {
    t.equal(asked(uri), undefined, uri);
  }
});

t.test('every form of the table, in the To', async (t) => {
  const addresses = [
    'sip:127.0.0.1',
    'sip:10.0.0.1:5060;lr',
    'sip:gw.example',
    'sip:+31881234567@127.0.0.1',
    'sip:ddi@h',
  ];
  for (const form of EMERGENCY.filter((each) => !each.startsWith('<'))) {
    for (const uri of addresses) {
      t.match(asked(uri, `<${form}>;tag=1`), { service: '112', from: 'to' }, `${uri} ${form}`);
    }
  }
  for (const form of POLICE) {
    t.match(asked('sip:127.0.0.1', `"Politie" <${form}>`), { service: '0900-8844', from: 'to' }, form);
  }
  for (const form of NOTHING) {
    t.equal(asked('sip:127.0.0.1', `<${form}>`), undefined, form);
  }
});

t.test('the To in other clothes', async (t) => {
  t.match(asked('sip:127.0.0.1', 'tel:112;phone-context=+31;tag=a'), { service: '112', from: 'to' });
  t.match(asked('sip:127.0.0.1', 'sip:112@h;tag=a'), { service: '112', from: 'to' });
  t.equal(asked('sip:127.0.0.1', 'tel:09008844;phone-context=+49;tag=a'), undefined);
  t.equal(asked('sip:127.0.0.1', '"112" <sip:127.0.0.1>'), undefined);
  t.match(recognise({ uri: 'sip:127.0.0.1', headers: [{ name: 't', value: '<urn:service:sos>' }] }, plan), {
    from: 'to',
  });
});

t.test('which of the two decides', async (t) => {
  t.match(asked('sip:09008844@h', '<sip:112@h>'), { service: '0900-8844', from: 'request-uri' });
  t.match(asked('sip:112@h', '<sip:09008844@h>'), { service: '112', from: 'request-uri' });
  t.equal(asked('urn:service:test.sos', '<sip:112@h>'), undefined, 'a test stays a test');
});

t.test('the form is what was seen', async (t) => {
  t.equal(asked('sip:0900-8844;phone-context=+31@h')?.form, '0900-8844');
  t.equal(asked('urn:service:SOS.police')?.form, 'urn:service:SOS.police');
  t.equal(asked('sip:127.0.0.1', '<tel:+31-112>')?.form, '+31-112');
});

t.test('no rewrite rule hides 112, and one that makes it is heeded', async (t) => {
  const hiding: NumberingPlan = { ...plan, rewrites: [{ match: '*', replace: '0900' }] };
  for (const form of EMERGENCY) {
    t.match(asked(form, undefined, hiding), { service: '112' }, form);
  }
  const police: NumberingPlan = { ...plan, rewrites: [{ match: '*', replace: '09008844' }] };
  t.match(asked('sip:+31881234567@h', '<sip:112@h>', police), { service: '112', from: 'to' });
  const rules: NumberingPlan = {
    ...plan,
    rewrites: [
      { match: '+31881234567', replace: '112' },
      { match: '77*', replace: '' },
      { match: '09008844', replace: '0' },
      { match: '09001234', replace: '0900-8844' },
    ],
  };
  t.match(asked('sip:+31881234567@h', undefined, rules), { service: '112', form: '+31881234567' });
  t.match(asked('sip:77112@h', undefined, rules), { service: '112' });
  t.equal(asked('sip:77+319008844@h', undefined, rules), undefined, 'a plus in the middle is no number');
  t.equal(asked('sip:09008844@h', undefined, rules), undefined, 'a priority number may be taken away');
  t.equal(asked('sip:778844@h', undefined, rules), undefined);
});

t.test('an emergency service has a form that two services share', async (t) => {
  const shared: NumberingPlan = {
    ...plan,
    services: [
      { id: id<ServiceId>('other'), class: 'priority', short: ['112'], national: ['0112'], urns: ['urn:service:sos'] },
      ...plan.services,
    ],
  };
  for (const form of EMERGENCY) {
    t.match(asked(form, undefined, shared), { service: '112' }, form);
  }
});

t.test('recognise: any input, no exception, in time', async (t) => {
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom(...EMERGENCY, ...POLICE, ...NOTHING),
  );
  fc.assert(
    fc.property(text, text, (uri, to) => {
      recognise({ uri, headers: [{ name: 'To', value: to }] }, plan);
      toE164(uri, plan);
    }),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(fc.stringMatching(/^[0-9]{1,12}$/), (digits) => {
      const found = asked(`sip:${digits}@h`);
      ok(
        found === undefined ||
          /^(0|9|0031|0140|0031140|00310|003100?140)?112$|^(0|0031|00310|31)?9008844$/.test(digits),
      );
    }),
    { numRuns: 2000 },
  );
  for (const part of ['1', '-', '%', '%31', ';', '@', '+', '(', 'urn:', '"', '<']) {
    const long = part.repeat(65536 / part.length);
    const took = cpuTimeOf(() => {
      asked(`sip:${long}@h`, `<tel:${long}>`);
      asked(`tel:${long}`, long);
    });
    t.ok(took < 100, `${part} ${took}`);
  }
});

t.test('recognise on messages from the wire', async (t) => {
  const wire = 'INVITE <sip:112@127.0.0.1>  SIP/2.0\nt:\n <sip:112@x>\n\n';
  const result = parseMessage(wire);
  t.ok(result.ok && result.message.kind === 'request' && recognise(result.message, plan)?.service === '112');
});

t.test("a caller's number in E.164", async (t) => {
  const good = [
    ['+31201234567', '+31201234567'],
    ['0031201234567', '+31201234567'],
    ['0201234567', '+31201234567'],
    ['020-123 45 67', '+31201234567'],
    ['31201234567', '+31201234567'],
    ['+31(0)20-1234567', '+31201234567'],
    ['00310201234567', '+31201234567'],
    ['0612345678', '+31612345678'],
    ['+4915112345678', '+4915112345678'],
    ['004915112345678', '+4915112345678'],
    ['sip:+31201234567@kpn.example;user=phone', '+31201234567'],
    ['sip:0201234567:pw@kpn.example', '+31201234567'],
    ['sip:0201234567;phone-context=kpn.example@h', '+31201234567'],
    ['tel:+31-20-1234567', '+31201234567'],
    ['tel:201234567;phone-context=+31', '+31201234567'],
    ['tel:0201234567;phone-context=+31', '+31201234567'],
  ] as const;
  for (const [text, number] of good) {
    t.equal(toE164(text, plan), number, text);
  }
  const none = [
    '',
    '112',
    '0112',
    '+31112',
    '1234567',
    '201234567',
    '+0123456',
    '+1234567890123456',
    '+12',
    'anonymous',
    'sip:anonymous@anonymous.invalid',
    'sip:bob@h',
    'sip:127.0.0.1',
    'tel:5551234;phone-context=+1212',
    'urn:service:sos',
    '00',
    '0',
  ];
  for (const text of none) {
    t.equal(toE164(text, plan), undefined, text);
  }
});
