import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A certificate with its key: PEM text, and the files that hold it. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** A certificate authority made with openssl for one test file. */
export class Authority {
  readonly folder = mkdtempSync(join(tmpdir(), 'noodroute-ca-'));
  readonly #own: Certificate;
  #made = 0;

  constructor() {
    process.once('exit', () => {
      rmSync(this.folder, { recursive: true, force: true });
    });
    const [certFile, keyFile] = [join(this.folder, 'ca.pem'), join(this.folder, 'ca.key')];
    openssl('req', '-x509', ...KEY, '-keyout', keyFile, '-out', certFile, '-days', '2', '-subj', '/CN=Noodroute test');
    this.#own = read(certFile, keyFile);
  }

  get cert(): string {
    return this.#own.cert;
  }

  get certFile(): string {
    return this.#own.certFile;
  }

  /** @param names subject alternative names, such as `IP:127.0.0.1` or `DNS:example.net`. */
  issue(...names: readonly string[]): Certificate {
    this.#made += 1;
    const path = (suffix: string): string => join(this.folder, `${this.#made}.${suffix}`);
    const [certFile, keyFile, request, extra] = [path('pem'), path('key'), path('csr'), path('ext')];
    writeFileSync(extra, `subjectAltName=${names.join(',')}\n`);
    openssl('req', '-new', ...KEY, '-keyout', keyFile, '-out', request, '-subj', `/CN=peer ${this.#made}`);
    const by = ['-CA', this.#own.certFile, '-CAkey', this.#own.keyFile, '-CAcreateserial'];
    openssl('x509', '-req', '-in', request, ...by, '-days', '2', '-extfile', extra, '-out', certFile);
    return read(certFile, keyFile);
  }
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

function openssl(...options: readonly string[]): void {
  execFileSync('openssl', options, { stdio: ['ignore', 'ignore', 'ignore'] });
}

function read(certFile: string, keyFile: string): Certificate {
  return { cert: readFileSync(certFile, 'latin1'), key: readFileSync(keyFile, 'latin1'), certFile, keyFile };
}
