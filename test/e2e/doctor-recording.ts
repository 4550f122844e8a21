import { writeFileSync } from 'node:fs';
import { staticConfigOf } from '../../host/doctor/support-dump.ts';
import { RECORDED_TAG, type Recording, recordingFile } from '../support/doctor.ts';
import type { Stack } from './stack.ts';

/** Asks a running Traefik; what changes from run to run (ports, tag, times, paths) is replaced. */
export async function record(stack: Stack): Promise<Recording> {
  const ask = async (path: string) => (await fetch(`${stack.traefik.apiUrl}/api/${path}`)).text();
  const dump = await (await fetch(`${stack.traefik.apiUrl}/api/support-dump`)).arrayBuffer();
  const text = JSON.stringify({
    version: JSON.parse(await ask('version')),
    rawdata: JSON.parse(await ask('rawdata')),
    entrypoints: JSON.parse(await ask('entrypoints')),
    static: staticConfigOf(new Uint8Array(dump)),
  });
  const ports: readonly (readonly [string, string])[] = [
    [new URL(stack.hostUrl).port, '9091'],
    [new URL(stack.backend.url).port, '8000'],
    [new URL(stack.traefik.apiUrl).port, '8080'],
    [String(stack.traefik.port), '80'],
  ];
  return JSON.parse(
    ports
      .reduce((all, [from, to]) => all.replaceAll(`127.0.0.1:${from}`, `127.0.0.1:${to}`), text)
      .replaceAll(stack.verdictTag, RECORDED_TAG)
      .replaceAll(/"startDate":"[^"]*"/g, '"startDate":"2026-01-01T00:00:00Z"')
      .replaceAll(/generation-\d+/g, 'generation-1')
      .replaceAll(/"filename":"[^"]*"/g, '"filename":"/etc/traefik/dynamic.yml"'),
  ) as Recording;
}

/** Keeps a recording in its file when POSTERN_RECORD=1 asks for it. */
export function keep(name: string, recording: Recording): void {
  if (process.env.POSTERN_RECORD === '1') {
    writeFileSync(recordingFile(name), `${JSON.stringify(recording, undefined, 2)}\n`);
  }
}
