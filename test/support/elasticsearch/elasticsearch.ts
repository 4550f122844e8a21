import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { beforeAll } from 'vitest';
import { type Child, startChild } from '../child.ts';
import { describeWith } from '../component.ts';
import { freePorts } from '../net.ts';
import { tempDirectory } from '../temp.ts';
import { waitUntil } from '../wait.ts';
import { assemble, canAssemble, ELASTICSEARCH_VERSION } from './assemble.ts';
import { certificateAuthority } from './certificates.ts';

/** Downloading, on a slow line. */
const ASSEMBLE_TIMEOUT_MS = 10 * 60_000;
/** It is ready in 5 s on an idle machine. */
const START_TIMEOUT_MS = 120_000;

/** Password of the superuser `elastic`. */
export const ELASTIC_PASSWORD = 'elastic-test-password';

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: whatever the server says.
  readonly body: any;
}

/** A running node on loopback, with real security. */
export interface Elasticsearch {
  readonly url: string;
  /** With TLS: the CA of its certificate (PEM), the file of that, and a client's certificate and key files. */
  readonly ca: string | undefined;
  readonly files: { readonly ca: string; readonly certificate: string; readonly key: string } | undefined;
  /** Asks it something; as `elastic` unless told otherwise. */
  ask(method: string, path: string, body?: unknown, authorization?: string): Promise<Answer>;
  /** Status of `_security/_authenticate` with this `Authorization`. */
  authenticate(authorization: string): Promise<Answer>;
  /** What it has written on its console. */
  output(): string;
  pause(): Promise<void>;
  resume(): void;
  /** Ends the process; the data stay for `start`. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

export interface ElasticsearchOptions {
  readonly tls?: boolean;
  /** Asks clients for a certificate of its CA. Only with `tls`. */
  readonly clientCertificates?: boolean;
  /** More lines for elasticsearch.yml. */
  readonly settings?: readonly string[];
}

/** `describe` with a real Elasticsearch; `start` gives a new node, which the caller stops. */
export function describeElasticsearch(
  title: string,
  body: (start: (options?: ElasticsearchOptions) => Promise<Elasticsearch>) => void,
): void {
  const howToGet = 'Install a JDK (17 or newer), Maven and openssl; its jars then come from Maven Central.';
  const found = canAssemble() ? true : undefined;
  describeWith(`Elasticsearch ${ELASTICSEARCH_VERSION}`, howToGet, found, title, () => {
    let home = '';
    beforeAll(async () => {
      home = await assemble();
    }, ASSEMBLE_TIMEOUT_MS);
    body(options => startElasticsearch(home, options));
  });
}

/** For benchmarks and other programs; undefined where it cannot be had. */
export async function startElasticsearchIfPossible(): Promise<Elasticsearch | undefined> {
  return canAssemble() ? startElasticsearch(await assemble()) : undefined;
}

async function startElasticsearch(home: string, options: ElasticsearchOptions = {}): Promise<Elasticsearch> {
  const directory = tempDirectory();
  const config = join(directory, 'config');
  mkdirSync(config);
  const [port, transport] = (await freePorts(2)) as [number, number];
  const files = options.tls ? certificateAuthority(config) : undefined;
  const ca = files === undefined ? undefined : readFileSync(files.ca, 'utf8');
  const url = `${ca === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;
  const lines = [
    'cluster.name: postern-test',
    'network.host: 127.0.0.1',
    `http.port: ${port}`,
    `transport.port: ${transport}`,
    `path.data: ${join(directory, 'data')}`,
    `path.logs: ${join(directory, 'logs')}`,
    'discovery.type: single-node',
    'xpack.security.enabled: true',
    'xpack.security.transport.ssl.enabled: false',
    'xpack.security.authc.api_key.enabled: true',
    'xpack.license.self_generated.type: basic',
    `xpack.security.http.ssl.enabled: ${ca !== undefined}`,
    // The disk of whoever runs the tests may be nearly full.
    'cluster.routing.allocation.disk.threshold_enabled: false',
    ...(options.settings ?? []),
  ];
  if (ca !== undefined) {
    lines.push('xpack.security.http.ssl.certificate: server.pem', 'xpack.security.http.ssl.key: server.key');
    if (options.clientCertificates) {
      lines.push(
        'xpack.security.http.ssl.client_authentication: required',
        'xpack.security.http.ssl.certificate_authorities: ca.pem',
      );
    }
  }
  writeFileSync(join(config, 'elasticsearch.yml'), `${lines.join('\n')}\n`);
  writeFileSync(join(config, 'log4j2.properties'), LOG);
  const certificate =
    files === undefined ? {} : { ca, cert: readFileSync(files.certificate), key: readFileSync(files.key) };
  let child: Child;

  const node: Elasticsearch = {
    url,
    ca,
    files,
    ask: (method, path, body, authorization = basic('elastic', ELASTIC_PASSWORD)) =>
      ask(url + path, method, body, authorization, certificate),
    authenticate: authorization => node.ask('GET', '/_security/_authenticate', undefined, authorization),
    output: () => child.output,
    pause: () => child.freeze(),
    resume: () => child.signal('SIGCONT'),
    async stop() {
      child.signal('SIGCONT');
      await child.stop(20_000);
    },
    async start() {
      rmSync(join(config, 'elasticsearch.keystore'), { force: true });
      const heap = ['-Xms384m', '-Xmx384m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
      const classPath = [join(home, 'classes'), join(home, 'lib', '*')].join(':');
      child = startChild('java', [...heap, '-cp', classPath, 'TestNode', home, config], {
        env: { ELASTIC_PASSWORD },
      });
      await waitUntil(
        'Elasticsearch to answer',
        async () => {
          if (child.exited) return 'exited' as const;
          return (await isWritable(node)) ? 'ready' : undefined;
        },
        START_TIMEOUT_MS,
      ).catch(error => {
        throw new Error(`${error.message}; its output:\n${child.output}`);
      });
      if (child.exited) throw new Error(`Elasticsearch ended; its output:\n${child.output}`);
    },
  };
  await node.start();
  return node;
}

/**
 * It answers before its index of users is there, makes that in the background,
 * and says 503 meanwhile. A write waits for it.
 */
async function isWritable(node: Pick<Elasticsearch, 'ask'>): Promise<boolean> {
  const role = '/_security/role/postern-test-ready';
  const written = await node.ask('PUT', role, {});
  return written.status === 200 && (await node.ask('DELETE', role)).status === 200;
}

export function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`;
}

function ask(
  url: string,
  method: string,
  body: unknown,
  authorization: string,
  certificate: object,
): Promise<Answer> {
  const request = url.startsWith('https:') ? httpsRequest : httpRequest;
  const text = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const headers = { authorization, ...(text === undefined ? {} : { 'content-type': 'application/json' }) };
    const sent = request(
      url,
      { method, headers, timeout: 30_000, agent: false, ...certificate },
      response => {
        const parts: Buffer[] = [];
        response.on('data', part => parts.push(part));
        response.on('error', reject);
        response.on('end', () => {
          const said = Buffer.concat(parts).toString('utf8');
          resolve({ status: response.statusCode ?? 0, body: said === '' ? undefined : JSON.parse(said) });
        });
      },
    );
    sent.on('timeout', () => sent.destroy(new Error('timed out')));
    sent.on('error', reject);
    sent.end(text);
  });
}

const LOG = `status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %-5p %c{1.}: %m%n
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
`;
