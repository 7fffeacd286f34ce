import { checkServerIdentity, createSecureContext, type SecureContextOptions, type TLSSocket } from 'node:tls';

/** What we show over TLS, and whom we believe. PEM text. */
export interface TlsMaterial {
  /** Our certificate, with the chain behind it. */
  readonly cert: string;
  readonly key: string;
  /**
   * Who signs the certificates of our peers. With it callers must show one too (mutual TLS); without it callers need
   * none, and servers that we call are checked against the well-known authorities.
   */
  readonly ca?: string;
}

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

  /** For a listener, and for connections of ours. */
  get context(): SecureContextOptions {
    return { ...this.#material, minVersion: 'TLSv1.2' };
  }

  /** Whether callers must show a certificate. */
  get isMutual(): boolean {
    return this.#material.ca !== undefined;
  }
}

function verify(material: TlsMaterial): void {
  createSecureContext({ ...material });
}

/** Whether the peer at the other end has shown that it is the domain (RFC 5922 7.2). */
export function isShownBy(socket: TLSSocket, name: string): boolean {
  return checkServerIdentity(name, socket.getPeerCertificate()) === undefined;
}
