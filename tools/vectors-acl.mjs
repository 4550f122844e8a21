// Runs access-control vectors (format and counting rules: test/cases/acl/README.md)
// through the engine.

const POLICIES = ['deny', 'one_factor', 'two_factor', 'bypass'];
const MAX_SHOWN = 50;

/** Codes of the refusals that are deliberate where Authelia starts: a configuration refused for these alone passes. */
export const DELIBERATE_REFUSALS = [
  'acl.domain.group',
  'acl.query.operator.case',
  'acl.subject.prefix',
  'acl.bypass.subject',
  'acl.bypass.domain_regex',
];

const encoder = new TextEncoder();

function field(bytes) {
  const out = Buffer.alloc(4 + bytes.length);
  out.writeUInt32LE(bytes.length);
  out.set(bytes, 4);
  return out;
}

/** A request as `vectorAuthorize` reads it. */
export function encodeRequest(request) {
  const groups = (request.groups ?? []).map(group => {
    const bytes = encoder.encode(group);
    const out = Buffer.alloc(2 + bytes.length);
    out.writeUInt16LE(bytes.length);
    out.set(bytes, 2);
    return out;
  });
  return Buffer.concat([
    ...[request.username, request.client_id, request.ip, request.method, request.url].map(text =>
      field(encoder.encode(text ?? '')),
    ),
    field(Buffer.concat(groups)),
  ]);
}

function describe(answer) {
  if (answer === -2) return 'not the same by rule, by index and from a snapshot';
  if (answer < 0) return 'unreadable URL';
  return `${POLICIES[answer & 3]} rule ${answer >> 3}${answer & 4 ? ' with subjects' : ''}`;
}

/**
 * Runs lines of vectors through `engine`: `compile(document)` answers problems
 * as an array and loads the image when none is an error, `authorize(request)`
 * what `vectorAuthorize` does. Answers the counts and the first mismatches.
 */
export function runAclVectors(lines, engine) {
  let passed = 0;
  let failed = 0;
  const mismatches = [];
  const fail = text => {
    failed++;
    if (mismatches.length < MAX_SHOWN) mismatches.push(text);
  };
  for (const line of lines) {
    if (line.trim() === '') continue;
    const vector = JSON.parse(line);
    const problems = engine.compile({
      access_control: vector.access_control,
      definitions: vector.definitions,
      ambiguous_paths: 'clean',
    });
    const errors = problems.filter(problem => problem.severity === 'error');
    if (errors.length > 0) {
      const refused =
        vector.validation_errors !== undefined ||
        errors.every(error => DELIBERATE_REFUSALS.includes(error.code));
      if (refused) passed++;
      else fail(`${vector.id}: refused: ${errors[0].path}: ${errors[0].message} (${errors[0].code})`);
      continue;
    }
    vector.requests.forEach((request, index) => {
      const answer = engine.authorize(encodeRequest(request));
      const expected =
        POLICIES.indexOf(request.expected) | (request.has_subjects ? 4 : 0) | (request.matched_rule << 3);
      if (answer === expected) passed++;
      else
        fail(
          `${vector.id} request ${index}: ${request.method} ${request.url} as '${request.username}': ` +
            `${describe(answer)}, expected ${describe(expected)}`,
        );
    });
  }
  return { passed, failed, mismatches };
}
