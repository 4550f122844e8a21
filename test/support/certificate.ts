import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDirectory } from './temp.ts';

export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
  /** Certificate and key in one file, as HAProxy takes them. */
  readonly both: string;
}

/** A self-signed certificate for these names, made by openssl; files end with the other temporary directories. */
export function selfSigned(names: readonly string[]): CertificateFiles {
  const directory = tempDirectory();
  const certificate = join(directory, 'tls.crt');
  const key = join(directory, 'tls.key');
  const subject = `subjectAltName=${names.map(name => `DNS:${name}`).join(',')}`;
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
      '-subj',
      `/CN=${names[0]}`,
      '-addext',
      subject,
      '-keyout',
      key,
      '-out',
      certificate,
    ],
    { stdio: 'ignore' },
  );
  const both = join(directory, 'tls.pem');
  writeFileSync(both, readFileSync(certificate, 'utf8') + readFileSync(key, 'utf8'));
  return { certificate, key, both };
}
