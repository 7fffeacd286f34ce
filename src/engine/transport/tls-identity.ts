import { checkServerIdentity, createSecureContext, type SecureContextOptions, type TLSSocket } from 'node:tls';

/** What we show over TLS, and whom we believe. PEM text. */
export interface TlsMaterial {
  /** Our certificate, with the chain behind it. */
  readonly cert: string;
  readonly key: string;
  /** Who signs the certificates of servers that we call; the well-known authorities where not given. */
  readonly ca?: string;
  /** Who signs the certificates of callers. With it they must show one (mutual TLS). */
  readonly callerCa?: string;
}

const LEAST = { minVersion: 'TLSv1.2' } as const;

/** The TLS material in force. Connections that are open keep what they began with. */
export class TlsIdentity {
  #material: TlsMaterial;
  readonly #replaced: (() => void)[] = [];

  /** @throws where the material cannot be used: a key that does not fit, or no PEM. */
  constructor(material: TlsMaterial) {
    verify(material);
    this.#material = material;
  }

  /**
   * Uses other material for every connection from now on.
   *
   * @throws where it cannot be used; what was in force stays.
   */
  replace(material: TlsMaterial): void {
    verify(material);
    this.#material = material;
    for (const tell of this.#replaced) {
      tell();
    }
  }

  onReplaced(tell: () => void): void {
    this.#replaced.push(tell);
  }

  /** For connections of ours: what we show, and who vouches for the servers that we call. */
  get towardsServers(): SecureContextOptions {
    const { cert, key, ca } = this.#material;
    return { cert, key, ...(ca === undefined ? {} : { ca }), ...LEAST };
  }

  /** For a listener: what we show, and who vouches for callers. */
  get towardsCallers(): SecureContextOptions {
    const { cert, key, callerCa } = this.#material;
    return { cert, key, ...(callerCa === undefined ? {} : { ca: callerCa }), ...LEAST };
  }

  /** Whether callers must show a certificate. */
  get isMutual(): boolean {
    return this.#material.callerCa !== undefined;
  }
}

function verify({ cert, key, ca, callerCa }: TlsMaterial): void {
  createSecureContext({ cert, key });
  for (const authority of [ca, callerCa]) {
    createSecureContext(authority === undefined ? {} : { ca: authority });
  }
}

/** Whether the peer at the other end has shown that it is the domain (RFC 5922 7.2). */
export function isShownBy(socket: TLSSocket, name: string): boolean {
  return checkServerIdentity(name, socket.getPeerCertificate()) === undefined;
}
