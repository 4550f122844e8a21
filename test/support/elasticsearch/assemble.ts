import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const here = dirname(fileURLToPath(import.meta.url));
const cache = join(here, '../../../.cache');
const copyPlugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies';
/** Modules of the distribution that are published as jars; everything else lies in `lib`. */
const MODULES = ['transport-netty4', 'x-pack-core', 'x-pack-security'] as const;

/** The version that `pom.xml` pins. */
export const ELASTICSEARCH_VERSION = /<elasticsearch\.version>(.*?)</.exec(
  readFileSync(join(here, 'pom.xml'), 'utf8'),
)?.[1] as string;

/** Of what it is made of, so that a change of these makes it anew. */
const recipe = ['pom.xml', 'TestNode.java', 'StandIns.java', 'assemble.ts']
  .reduce((hash, file) => hash.update(readFileSync(join(here, file))), createHash('sha256'))
  .digest('hex')
  .slice(0, 8);
const assembled = join(cache, `elasticsearch-${ELASTICSEARCH_VERSION}-${recipe}`);

/** Whether a JDK and Maven are here, which everything else comes by. */
export function canAssemble(): boolean {
  try {
    for (const [command, version] of [
      ['java', '-version'],
      ['javac', '-version'],
      ['jar', '--version'],
      ['mvn', '--version'],
      ['openssl', 'version'],
    ] as const) {
      execFileSync(command, [version], { stdio: 'ignore' });
    }
    return true;
  } catch {
    return false;
  }
}

/**
 * Home directory of an Elasticsearch (`lib`, `modules`, `classes`), put
 * together in `.cache` the first time: 80 MB from Maven Central.
 */
export async function assemble(): Promise<string> {
  if (existsSync(assembled)) return assembled;
  process.stderr.write(`fetching Elasticsearch ${ELASTICSEARCH_VERSION}, once; this takes a minute\n`);
  const home = `${assembled}.${process.pid}`;
  for (const folder of [
    'plugins',
    'classes',
    'stand-ins',
    ...[...MODULES, 'stand-ins'].map(m => `modules/${m}`),
  ]) {
    mkdirSync(join(home, folder), { recursive: true });
  }
  const lib = join(home, 'lib');
  await run('mvn', ['-q', '-B', '-f', join(here, 'pom.xml'), copyPlugin, `-DoutputDirectory=${lib}`]);
  const descriptors = await Promise.all(MODULES.map(name => layOutModule(home, name)));
  // As in the distribution: security opens its own transport.
  const netty = join(home, 'modules/transport-netty4');
  for (const jar of readdirSync(netty).filter(name => name.endsWith('.jar'))) {
    copyFileSync(join(netty, jar), join(home, 'modules/x-pack-security', jar));
  }
  await compile(home, 'TestNode.java', 'classes');
  await compile(home, 'StandIns.java', 'stand-ins');
  const standIns = join(home, 'modules/stand-ins');
  await run('jar', ['cf', join(standIns, 'stand-ins.jar'), '-C', join(home, 'stand-ins'), '.']);
  const versions =
    (descriptors[0] ?? '').match(/^(version|elasticsearch\.version|java\.version)=.*$/gm) ?? [];
  writeFileSync(
    join(standIns, 'plugin-descriptor.properties'),
    [...versions, 'name=stand-ins', 'description=stand-ins', 'classname=StandIns', ''].join('\n'),
  );
  try {
    renameSync(home, assembled);
  } catch (error) {
    // Somebody else was quicker.
    if (!existsSync(assembled)) throw error;
    rmSync(home, { recursive: true });
  }
  return assembled;
}

/** Moves a module's jar where modules are looked for, with the descriptor that lies in the jar. */
async function layOutModule(home: string, name: string): Promise<string> {
  const folder = join(home, 'modules', name);
  const lib = join(home, 'lib');
  const jar = readdirSync(lib).find(file => file.startsWith(`${name}-`)) as string;
  renameSync(join(lib, jar), join(folder, jar));
  const inside = `META-INF/es-plugins/${name}/plugin-descriptor.properties`;
  const unpacked = join(home, `unpacked-${name}`);
  mkdirSync(unpacked);
  await run('jar', ['xf', join(folder, jar), inside], { cwd: unpacked });
  // Without `modulename` it is loaded from the class path: the parts it would need as Java modules are not there.
  const descriptor = readFileSync(join(unpacked, inside), 'utf8').replace(/^modulename=.*\n?/m, '');
  writeFileSync(join(folder, 'plugin-descriptor.properties'), descriptor);
  rmSync(unpacked, { recursive: true });
  return descriptor;
}

async function compile(home: string, source: string, into: string): Promise<void> {
  const classPath = join(home, 'lib', '*');
  await run('javac', ['-nowarn', '-d', join(home, into), '-cp', classPath, join(here, source)]);
}
