import { type JsonSchema, KEY_DOCS } from './key-docs.ts';

/** What may stand below `access_control` and `definitions`; the engine reads it, and a test compares the two. */

const oneOrMore = (items: JsonSchema, description: string, more: JsonSchema = {}): JsonSchema => ({
  description,
  anyOf: [items, { type: 'array', items }],
  ...more,
});
const TEXT: JsonSchema = { type: 'string', minLength: 1 };

const POLICY: JsonSchema = { enum: ['bypass', 'one_factor', 'two_factor', 'deny'] };
const SUBJECT: JsonSchema = {
  type: 'string',
  pattern: '^(user|group|oauth2:client): *[^ ]',
};
const METHOD: JsonSchema = {
  enum: [
    'GET',
    'HEAD',
    'POST',
    'PUT',
    'PATCH',
    'DELETE',
    'TRACE',
    'CONNECT',
    'OPTIONS',
    'COPY',
    'LOCK',
    'MKCOL',
    'MOVE',
    'PROPFIND',
    'PROPPATCH',
    'UNLOCK',
  ],
};
const OPERATORS_WITH_VALUE = ['equal', 'not equal', 'pattern', 'not pattern'];
const CONDITION: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['key'],
  properties: {
    key: { description: 'Name of the query argument, case-sensitive.', ...TEXT },
    operator: {
      description: 'Default: `equal` with a value, `present` without.',
      enum: ['present', 'absent', ...OPERATORS_WITH_VALUE],
    },
    value: { description: 'Text, or for `pattern` an expression.', type: 'string' },
  },
  allOf: [
    {
      if: { required: ['operator'], properties: { operator: { enum: OPERATORS_WITH_VALUE } } },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: { required: ['value'] },
    },
    {
      if: { required: ['operator'], properties: { operator: { enum: ['present', 'absent'] } } },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: { properties: { value: { const: '' } } },
    },
  ],
};

const RULE: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['policy'],
  anyOf: [{ required: ['domain'] }, { required: ['domain_regex'] }],
  // Who asks is not known where nobody is asked.
  if: { properties: { policy: { const: 'bypass' } }, required: ['policy'] },
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
  then: { not: { required: ['subject'] } },
  properties: {
    domain: oneOrMore(
      TEXT,
      'Exact name, `*.example.com` for all below, or a name that begins with `{user}` or `{group}.`.',
      { examples: ['app.example.com', '*.example.com'] },
    ),
    domain_regex: oneOrMore(
      TEXT,
      "Expressions over the name, in Go's syntax; the groups `User` and `Group` must be the asker's.",
      { examples: ['^(app|api)\\.example\\.com$'] },
    ),
    policy: {
      description:
        'What is demanded: nothing (`bypass`), a password (`one_factor`), a password and a second factor (`two_factor`), or that nobody gets in (`deny`).',
      ...POLICY,
    },
    subject: {
      description:
        'Who: `user:NAME`, `group:NAME`, `oauth2:client:ID`. Of the outer list one must hold, of an inner list all.',
      anyOf: [
        SUBJECT,
        { type: 'array', items: { anyOf: [SUBJECT, { type: 'array', items: SUBJECT, minItems: 1 }] } },
      ],
      examples: ['group:admins'],
    },
    networks: oneOrMore(
      TEXT,
      'Where from: addresses, networks such as `10.0.0.0/8`, and names from `definitions.network`.',
    ),
    methods: oneOrMore(METHOD, 'Methods in upper case; `GET` does not mean `HEAD`.'),
    resources: oneOrMore(
      TEXT,
      "Expressions over path and query, in Go's syntax. Write `^` and `$`: `^/api([/?].*)?$`.",
      { examples: ['^/api([/?].*)?$'] },
    ),
    query: {
      description: 'Conditions on the query. Of the outer list one must hold, of an inner list all.',
      type: 'array',
      items: { anyOf: [CONDITION, { type: 'array', items: CONDITION, minItems: 1 }] },
    },
  },
};

export const POLICY_SCHEMAS: Readonly<Record<string, JsonSchema>> = {
  access_control: {
    description: 'Who may open what. The first rule that matches decides; without one `default_policy` does.',
    type: 'object',
    additionalProperties: false,
    properties: {
      default_policy: { description: 'For what no rule matches.', ...POLICY, default: 'deny' },
      networks: {
        description: "Authelia's old place of `definitions.network`.",
        type: 'array',
        items: {
          type: 'object',
          additionalProperties: false,
          required: ['name', 'networks'],
          properties: {
            name: TEXT,
            networks: oneOrMore(TEXT, 'Addresses and networks.'),
          },
        },
      },
      rules: {
        description: 'From top to bottom; the first that matches decides.',
        type: 'array',
        items: RULE,
      },
    },
  },
  domains: {
    description:
      'What some hosts have for themselves. Each setting comes from the first entry that names the host and has it, else from the key of the same name outside.',
    type: 'array',
    items: {
      type: 'object',
      additionalProperties: false,
      required: ['domain'],
      properties: {
        domain: oneOrMore(TEXT, 'Exact name, or `*.example.com` for all below.', {
          examples: ['app.example.com', '*.example.com'],
        }),
        identity_headers: KEY_DOCS.identity_headers,
        denial: KEY_DOCS.denial,
        ambiguous_paths: {
          description: 'Paths that a service could read differently than the rules: refused, or cleaned.',
          enum: ['refuse', 'clean'],
        },
        elasticsearch: {
          description:
            "Elasticsearch or Kibana stands behind it: requests carry the `Authorization` of the user there, who is made when needed, and never the client's.",
          type: 'boolean',
        },
      },
    },
  },
  definitions: {
    type: 'object',
    properties: {
      network: {
        description: 'Networks by name, for `networks` of rules.',
        type: 'object',
        additionalProperties: oneOrMore(TEXT, 'Addresses and networks such as `10.0.0.0/8`.'),
      },
    },
  },
};
