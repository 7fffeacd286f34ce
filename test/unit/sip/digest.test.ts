import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import t from 'tap';
import { answerChallenge, challengesIn, type Challenge, type DigestHash } from '../../../src/sip/digest.js';

const NAME = 'WWW-Authenticate';
const hash: DigestHash = (algorithm, text) =>
  createHash(algorithm === 'MD5' ? 'md5' : 'sha256')
    .update(text, 'latin1')
    .digest('hex');

function challenges(...values: readonly string[]): readonly Challenge[] {
  return challengesIn(
    values.map((value) => ({ name: NAME, value })),
    NAME,
  );
}

t.test('the examples of RFC 7616 3.9.1', (t) => {
  const rest = 'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"';
  const common =
    'realm="http-auth@example.org", qop="auth, auth-int", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"';
  const found = challenges(`Digest ${common}, algorithm=SHA-256, ${rest}`, `Digest ${common}, algorithm=MD5, ${rest}`);
  const request = {
    ...{ user: 'Mufasa', password: 'Circle of Life', method: 'GET', uri: '/dir/index.html' },
    clientNonce: 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ',
  };
  t.same(
    found.map((challenge) => /response="([^"]*)"/.exec(answerChallenge(challenge, request, hash))?.[1]),
    ['753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1', '8ca523f5e9506fed4657c9700eebdbec'],
  );
  const [, md5] = found;
  t.equal(
    md5 && answerChallenge(md5, request, hash),
    'Digest username="Mufasa", realm="http-auth@example.org", nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", ' +
      'uri="/dir/index.html", response="8ca523f5e9506fed4657c9700eebdbec", algorithm=MD5, ' +
      'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, nc=00000001, ' +
      'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"',
  );
  t.end();
});

t.test('without qop as in RFC 2069, and algorithms that make a session', (t) => {
  const request = { user: 'bob', password: 'zanzibar', method: 'REGISTER', uri: 'sip:ss2.wcom.com', clientNonce: '0a' };
  const [old] = challenges('Digest realm="atlanta.com", nonce="84f1", opaque=""');
  const value = old === undefined ? '' : answerChallenge(old, request, hash);
  const expected = hash(
    'MD5',
    `${hash('MD5', 'bob:atlanta.com:zanzibar')}:84f1:${hash('MD5', 'REGISTER:sip:ss2.wcom.com')}`,
  );
  t.match(value, `response="${expected}"`);
  t.notMatch(value, /cnonce|qop|nc=/);
  t.match(value, /opaque=""/);
  const [session] = challenges('Digest realm="r", nonce="n", algorithm=SHA-256-SESS, qop=auth');
  const a1 = hash('SHA-256', `${hash('SHA-256', 'bob:r:zanzibar')}:n:0a`);
  const a2 = hash('SHA-256', 'REGISTER:sip:ss2.wcom.com');
  t.match(
    session && answerChallenge(session, request, hash),
    `response="${hash('SHA-256', `${a1}:n:00000001:0a:auth:${a2}`)}", algorithm=SHA-256-sess`,
  );
  t.end();
});

t.test('what challenges look like', (t) => {
  const realms = (...values: readonly string[]) => challenges(...values).map(({ realm }) => realm);
  t.same(
    realms('Digest realm="a", nonce="1", Digest realm="b", nonce="2",algorithm=SHA-256'),
    ['a', 'b'],
    'in one line',
  );
  t.same(realms('Basic realm="a", DIGEST realm="b",nonce="x"'), ['b'], 'of other schemes nothing');
  t.same(realms('digest  nonce = "1" , realm = "a, Digest realm=b"'), ['a, Digest realm=b'], 'commas in quotes');
  t.same(realms('Digest realm="a", nonce="1", algorithm=SHA-512-256'), [], 'an algorithm that we do not have');
  t.same(realms('Digest realm="a", nonce="1", qop="auth-int"'), [], 'a qop that we do not have');
  t.same(realms('Digest realm="a"', 'Digest nonce="1"', '', 'Digest', 'x', 'Digest ,,,'), []);
  t.match(challenges('Digest realm="a", nonce="1", stale=TRUE, qop=auth'), [{ isStale: true, qop: 'auth' }]);
  t.match(challenges('Digest realm="a\\"b", nonce="1"'), [{ realm: 'a\\"b' }], 'escapes stay as they are');
  t.end();
});

t.test('whatever stands in the header, nothing is thrown and no line is made', (t) => {
  fc.assert(
    fc.property(fc.stringMatching(/^[ -~]{0,200}$/), (text) => {
      for (const challenge of challenges(text, `Digest realm="a", nonce="1", ${text}`)) {
        const request = { user: 'a"b', password: 'p', method: 'INVITE', uri: 'sip:112@x', clientNonce: '0' };
        t.notMatch(answerChallenge(challenge, request, hash), /[\r\n]/);
      }
    }),
  );
  const long = challenges(`Digest ${'a'.repeat(50_000)}`, `Digest realm="${'\\"'.repeat(50_000)}`);
  t.same(long, []);
  t.end();
});
