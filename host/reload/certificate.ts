import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import type { Clock } from '../clock.ts';
import { ConfigError } from '../config/problem.ts';
import { fileProblem } from '../config/read-file.ts';
import { type WatchedFile, watchFile } from '../config/watched-file.ts';
import type { Logger } from '../log/logger.ts';

/** The two files are replaced one after the other; between them they do not fit. */
const SETTLE_MS = 1_000;

/** Certificate chain and key in PEM. */
export interface CertificatePair {
  readonly cert: Uint8Array;
  readonly key: Uint8Array;
}

export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

/**
 * The service's certificate (`server.tls`), read anew when its files change.
 * What cannot be used is told in the log, and the one before stays.
 */
export class WatchedCertificate {
  readonly initial: CertificatePair;
  readonly #files: CertificateFiles;
  readonly #log: Logger;
  readonly #clock: Pick<Clock, 'after'>;
  readonly #watched: readonly WatchedFile[];
  #use: (pair: CertificatePair) => void = () => {};
  #pending: (() => void) | undefined;
  #last: CertificatePair;

  /** Throws `ConfigError` when the files cannot be used. */
  constructor(files: CertificateFiles, clock: Pick<Clock, 'after'>, log: Logger) {
    this.#files = files;
    this.#clock = clock;
    this.#log = log;
    const pair = readPair(files);
    if (!pair.ok) {
      const { file, message } = pair;
      throw new ConfigError([
        { code: 'config.tls', severity: 'error', path: 'server.tls', message: `${file}: ${message}` },
      ]);
    }
    this.initial = this.#last = pair.pair;
    this.#watched = [files.certificate, files.key].map(
      file => watchFile(file, { onChange: () => this.#changed() }).watched,
    );
  }

  /** Calls `use` with each later certificate that can be used. */
  follow(use: (pair: CertificatePair) => void): void {
    this.#use = use;
  }

  close(): void {
    this.#pending?.();
    for (const watched of this.#watched) watched.close();
  }

  #changed(): void {
    this.#pending?.();
    this.#pending = this.#clock.after(SETTLE_MS, () => {
      this.#pending = undefined;
      this.#replace();
    });
  }

  #replace(): void {
    const read = readPair(this.#files);
    if (!read.ok) {
      const { file, message } = read;
      this.#log.error('the certificate cannot be used, the one before stays in force', {
        file,
        error: message,
      });
      return;
    }
    const { pair } = read;
    const same =
      Buffer.compare(pair.cert, this.#last.cert) === 0 && Buffer.compare(pair.key, this.#last.key) === 0;
    if (same) return;
    this.#use(pair);
    this.#last = pair;
    this.#log.info('certificate read', { file: this.#files.certificate });
  }
}

type PairRead =
  | { readonly ok: true; readonly pair: CertificatePair }
  | { readonly ok: false; readonly file: string; readonly message: string };

function readPair({ certificate, key }: CertificateFiles): PairRead {
  const contents: Buffer[] = [];
  for (const file of [certificate, key]) {
    try {
      contents.push(readFileSync(file));
    } catch (error) {
      return { ok: false, file, message: fileProblem(file, error).message };
    }
  }
  const [cert = Buffer.alloc(0), secret = Buffer.alloc(0)] = contents;
  try {
    createSecureContext({ cert });
  } catch {
    return { ok: false, file: certificate, message: 'must be a certificate, or a chain of them, in PEM' };
  }
  try {
    createSecureContext({ cert, key: secret });
  } catch {
    // OpenSSL's words may show what is in the file.
    return {
      ok: false,
      file: key,
      message: 'must be the private key of the certificate, in PEM without a passphrase',
    };
  }
  return { ok: true, pair: { cert, key: secret } };
}
