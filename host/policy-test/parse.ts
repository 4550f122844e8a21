import { ConfigError, inOrder } from '../config/problem.ts';
import { didYouMean } from '../config/suggest.ts';
import { shown } from '../config/values.ts';
import { readYaml } from '../config/yaml-source.ts';
import { isAddress } from '../explain/request.ts';
import { readAskers, readSubjects, type Subjects } from './parse-subjects.ts';
import { type Mapping, names, Reader } from './reader.ts';
import {
  type AskerSpec,
  EXPECTATIONS,
  type Expectation,
  POLICIES,
  type RequestSpec,
  type TestFile,
  type TestSpec,
  VERDICTS,
} from './test-file.ts';

const ROOT_KEYS = ['config', 'subjects', 'defaults', 'tests'] as const;
const DEFAULT_KEYS = ['method', 'ip', 'as'] as const;
const TEST_KEYS = ['name', 'request', 'as', 'expect', 'rule'] as const;
const REQUEST_KEYS = ['url', 'method', 'ip'] as const;

/** Reads a file of policy tests; throws `ConfigError` with everything that is wrong with it. */
export function parseTestFile(file: string, text: string): TestFile {
  const yaml = readYaml(file, text, { schema: 'core' });
  if (!yaml.ok) throw new ConfigError(yaml.problems);
  const reader = new Reader(yaml.source);
  const root = reader.mapping(yaml.source.value, '', ROOT_KEYS);
  const subjects = readSubjects(root.subjects, reader);
  const defaults = present(root.defaults) ? reader.mapping(root.defaults, 'defaults', DEFAULT_KEYS) : {};
  const config = present(root.config) ? reader.text(root.config, 'config') : undefined;
  const tests = readTests(root.tests, { reader, subjects, defaults });
  if (reader.problems.length > 0) throw new ConfigError(inOrder(reader.problems));
  return {
    file,
    config,
    tests,
    subjectNames: [...subjects.keys()],
    lineOf: path => reader.lineOf(path),
  };
}

interface Context {
  readonly reader: Reader;
  readonly subjects: Subjects;
  readonly defaults: Mapping;
}

function readTests(value: unknown, context: Context): TestSpec[] {
  const { reader } = context;
  if (!Array.isArray(value) || value.length === 0) {
    reader.report('shape', 'tests', 'must be a list of at least one test, each with `request` and `expect`');
    return [];
  }
  return value.flatMap((entry: unknown, i) => readTest(entry, `tests[${i}]`, context) ?? []);
}

function readTest(entry: unknown, path: string, context: Context): TestSpec | undefined {
  const { reader, defaults } = context;
  const test = reader.mapping(entry, path, TEST_KEYS);
  const requests = readRequests(test.request, `${path}.request`, context);
  const as: AskerSpec[] = present(test.as)
    ? readAskers(test.as, `${path}.as`, context.subjects, reader)
    : readAskers(defaults.as ?? 'anonymous', 'defaults.as', context.subjects, reader);
  const expect = readExpectation(test.expect, `${path}.expect`, reader);
  const rule = present(test.rule) ? readRule(test.rule, `${path}.rule`, reader) : undefined;
  if (expect === 'bad-request' && rule !== undefined) {
    reader.report('value', `${path}.rule`, 'must be removed: a bad request meets no rule');
  }
  const [first] = requests;
  if (first === undefined || expect === undefined) return undefined;
  const name = present(test.name) ? reader.text(test.name, `${path}.name`) : undefined;
  const line = reader.lineOf(path);
  return { name: name ?? `${first.method} ${first.url}`, path, line, requests, as, expect, rule };
}

/** A URL, a mapping, or a list of them; lists of urls, methods and addresses multiply. */
function readRequests(value: unknown, path: string, context: Context): RequestSpec[] {
  const { reader, defaults } = context;
  if (!present(value)) {
    reader.report('missing', path, "missing: write `request: 'https://app.example.com/path'`");
    return [];
  }
  return reader.list(value, path).flatMap(item => {
    const request = typeof item.value === 'string' ? { url: item.value } : item.value;
    const mapping = reader.mapping(request, item.path, REQUEST_KEYS);
    if (!present(mapping.url)) {
      reader.report('missing', item.path, 'must have a `url`, for example https://app.example.com/path');
      return [];
    }
    const at = (key: string) => (typeof item.value === 'string' ? item.path : `${item.path}.${key}`);
    const urls = reader.texts(mapping.url, at('url'));
    const methods = present(mapping.method)
      ? reader.texts(mapping.method, at('method'))
      : reader.texts(defaults.method ?? 'GET', 'defaults.method');
    const ips = present(mapping.ip)
      ? readAddresses(mapping.ip, at('ip'), reader)
      : present(defaults.ip)
        ? readAddresses(defaults.ip, 'defaults.ip', reader)
        : [''];
    return urls.flatMap(url =>
      methods.flatMap(method => ips.map(ip => ({ url: url.text, method: method.text, ip, path: url.path }))),
    );
  });
}

function readAddresses(value: unknown, path: string, reader: Reader): string[] {
  return reader.texts(value, path).flatMap(item => {
    if (isAddress(item.text)) return [item.text];
    reader.report('value', item.path, `must be an IP address, got ${shown(item.text)}`);
    return [];
  });
}

function readExpectation(value: unknown, path: string, reader: Reader): Expectation | undefined {
  const found = EXPECTATIONS.find(word => word === value);
  if (found !== undefined) return found;
  const words = `${names(VERDICTS)} (what the visitor gets) or ${names(POLICIES)} (what the rule demands)`;
  if (!present(value)) reader.report('missing', path, `missing: write \`expect:\` and ${words}`);
  else {
    const guess = typeof value === 'string' ? didYouMean(value, EXPECTATIONS) : '';
    reader.report('value', path, `must be ${words}, got ${shown(value)}${guess}`);
  }
  return undefined;
}

function readRule(value: unknown, path: string, reader: Reader): number | undefined {
  if (value === 'default') return 0;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value;
  reader.report('value', path, `must be a rule's position from 1, or \`default\`, got ${shown(value)}`);
  return undefined;
}

/** A key without a value is as good as absent. */
function present(value: unknown): boolean {
  return value !== undefined && value !== null;
}
