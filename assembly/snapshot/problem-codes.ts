/**
 * Everything the policy compiler has to say, in one place: for each problem its
 * published code, then a blank, then the text that follows the value in
 * question. From `FIRST_WARNING` on they are warnings.
 */
export const POLICY_JSON: i32 = 1;
export const POLICY_OBJECT: i32 = 2;
export const POLICY_LIST: i32 = 3;
export const POLICY_TEXT: i32 = 4;
export const POLICY_KEY_UNKNOWN: i32 = 5;
export const POLICY_KEY_TWICE: i32 = 6;
export const POLICY_TEXT_LONG: i32 = 7;
export const POLICY_RULES_LIMIT: i32 = 8;
export const POLICY_ENTRIES_LIMIT: i32 = 9;
export const POLICY_SIZE: i32 = 10;
export const POLICY_REALM: i32 = 11;
export const POLICY_AMBIGUOUS: i32 = 12;
export const POLICY_TEMPLATE: i32 = 13;
export const POLICY_EMPTY: i32 = 14;
export const ACL_NO_RULES: i32 = 15;
export const ACL_POLICY: i32 = 16;
export const ACL_POLICY_MISSING: i32 = 17;
export const ACL_DOMAIN_MISSING: i32 = 18;
export const ACL_DOMAIN_GROUP: i32 = 19;
export const ACL_SUBJECT_PREFIX: i32 = 20;
export const ACL_BYPASS_SUBJECT: i32 = 21;
export const ACL_BYPASS_REGEX: i32 = 22;
export const ACL_EXPRESSION: i32 = 23;
export const ACL_METHOD: i32 = 24;
export const ACL_METHOD_TWICE: i32 = 25;
export const ACL_NETWORK: i32 = 26;
export const ACL_NETWORK_TWICE: i32 = 27;
export const ACL_NETWORK_NAME: i32 = 28;
export const ACL_QUERY_KEY: i32 = 29;
export const ACL_QUERY_OPERATOR: i32 = 30;
export const ACL_QUERY_CASE: i32 = 31;
export const ACL_QUERY_VALUE_MISSING: i32 = 32;
export const ACL_QUERY_VALUE_UNUSED: i32 = 33;
export const ACL_QUERY_VALUE_TYPE: i32 = 34;
export const POLICY_MORE_ERRORS: i32 = 35;
export const POLICY_BOOLEAN: i32 = 36;
export const POLICY_TOKEN_HEADER: i32 = 37;
export const POLICY_DOMAIN_MISSING: i32 = 38;
export const POLICY_DENIAL: i32 = 39;
export const POLICY_IDENTITY_PRESET: i32 = 40;
export const POLICY_IDENTITY_NAME: i32 = 41;
export const POLICY_IDENTITY_TWICE: i32 = 42;
export const POLICY_IDENTITY_TEMPLATE: i32 = 43;
export const POLICY_IDENTITY_SEPARATOR: i32 = 44;
export const POLICY_IDENTITY_LIMIT: i32 = 45;

export const FIRST_WARNING: i32 = 64;
export const ACL_DOMAIN_STAR: i32 = 64;
export const ACL_DOMAIN_NEVER: i32 = 65;
export const ACL_DOMAIN_USER: i32 = 66;
export const ACL_SUBJECT_COMMA: i32 = 67;
export const ACL_BYPASS_DOMAIN: i32 = 68;
export const ACL_BYPASS_RESOURCE: i32 = 69;
export const ACL_CRITERION_EMPTY: i32 = 70;
export const POLICY_UNUSED: i32 = 71;
export const POLICY_MORE_WARNINGS: i32 = 72;
export const ACL_NETWORK_MAPPED: i32 = 73;
/** One above the last. */
export const PROBLEM_CODES: i32 = 74;

/** Code, blank, text; empty when there is no such problem. */
export function problemText(problem: i32): string {
  switch (problem) {
    case POLICY_JSON:
      return 'policy.json the policy is no JSON';
    case POLICY_OBJECT:
      return 'policy.type must be an object with keys';
    case POLICY_LIST:
      return 'policy.type must be a list';
    case POLICY_TEXT:
      return 'policy.type must be text: put it in quotes';
    case POLICY_KEY_UNKNOWN:
      return 'policy.key.unknown is no key here: ';
    case POLICY_KEY_TWICE:
      return 'policy.key.twice is given twice: keep one';
    case POLICY_BOOLEAN:
      return 'policy.type must be `true` or `false`';
    case POLICY_TEXT_LONG:
      return 'policy.limit.text is too long: the limit is 8192 bytes';
    case POLICY_RULES_LIMIT:
      return 'policy.limit.rules too many rules: merge them or give the policy to the host; the limit is ';
    case POLICY_ENTRIES_LIMIT:
      return 'policy.limit.entries too many entries in one list: split the rule; the limit is ';
    case POLICY_SIZE:
      return 'policy.limit.size the policy is too large: give it to the host, not inline';
    case POLICY_REALM:
      return 'policy.realm is no realm: write at most 128 printable ASCII characters without quotes and backslashes';
    case POLICY_AMBIGUOUS:
      return 'policy.ambiguous_paths must be `refuse`, `clean` or a list of domains under the key `clean`';
    case POLICY_TOKEN_HEADER:
      return 'policy.tokens.header is no header name: write one such as `X-Api-Key`';
    case POLICY_DOMAIN_MISSING:
      return 'policy.domains.domain the entry has no domain: add `domain`';
    case POLICY_DENIAL:
      return 'policy.denial is no denial: write `adaptive`, `authelia`, `redirect`, `json`, `basic` or `status`';
    case POLICY_IDENTITY_PRESET:
      return 'policy.identity_headers must be a preset the host knows, or names with templates such as `{username}`';
    case POLICY_IDENTITY_NAME:
      return 'policy.identity_headers.name cannot be an identity header: write a name of its own such as `X-User-ID`';
    case POLICY_IDENTITY_TWICE:
      return 'policy.identity_headers.twice is given twice: keep one';
    case POLICY_IDENTITY_TEMPLATE:
      return 'policy.identity_headers.template is no template: write `{username}`, `{groups}`, `{name}` or `{email}`, at most 128 characters';
    case POLICY_IDENTITY_SEPARATOR:
      return 'policy.identity_headers.separator is no separator: write up to 4 signs such as `,`, no letters';
    case POLICY_IDENTITY_LIMIT:
      return 'policy.limit.identity_headers too many names of identity headers: the limit is ';
    case POLICY_TEMPLATE:
      return 'policy.domain.template names no domain: `{user}` and `{group}` stand in rules only';
    case POLICY_EMPTY:
      return 'policy.empty must not be empty: write a value or remove it';
    case ACL_NO_RULES:
      return 'acl.rules.none there are no rules: add some, or set `default_policy` to `one_factor` or `two_factor`';
    case ACL_POLICY:
      return 'acl.policy is no policy: write `bypass`, `one_factor`, `two_factor` or `deny`';
    case ACL_POLICY_MISSING:
      return 'acl.policy.missing the rule has no policy: add `policy`';
    case ACL_DOMAIN_MISSING:
      return 'acl.domain.missing the rule has no domain: add `domain` or `domain_regex`';
    case ACL_DOMAIN_GROUP:
      return 'acl.domain.group can match no group: write a dot behind `{group}`';
    case ACL_SUBJECT_PREFIX:
      return 'acl.subject.prefix is no subject: begin it with `user:`, `group:` or `oauth2:client:`';
    case ACL_BYPASS_SUBJECT:
      return 'acl.bypass.subject a bypass rule asks nobody who they are: remove `subject` or write another policy';
    case ACL_BYPASS_REGEX:
      return 'acl.bypass.domain_regex a bypass rule asks nobody who they are: remove the groups `User` and `Group`';
    case ACL_EXPRESSION:
      return 'acl.expression ';
    case ACL_METHOD:
      return 'acl.method is no method: write `GET`, `POST` or another in upper case';
    case ACL_METHOD_TWICE:
      return 'acl.method.twice is listed twice: keep one';
    case ACL_NETWORK:
      return 'acl.network is no network: write an address, a CIDR such as `10.0.0.0/8`, or a defined name';
    case ACL_NETWORK_TWICE:
      return 'acl.network.twice is defined twice: keep one';
    case ACL_NETWORK_NAME:
      return 'acl.network.name the network has no name: add `name`';
    case ACL_QUERY_KEY:
      return 'acl.query.key the condition has no key: add `key`';
    case ACL_QUERY_OPERATOR:
      return 'acl.query.operator is no operator: write `present`, `absent`, `equal`, `not equal`, `pattern` or `not pattern`';
    case ACL_QUERY_CASE:
      return 'acl.query.operator.case is no operator: write it in lower case';
    case ACL_QUERY_VALUE_MISSING:
      return 'acl.query.value.missing needs a value: add `value`';
    case ACL_QUERY_VALUE_UNUSED:
      return 'acl.query.value.unused takes no value: remove `value`';
    case ACL_QUERY_VALUE_TYPE:
      return 'acl.query.value.type must be text: put it in quotes';
    case ACL_DOMAIN_STAR:
      return 'acl.domain.star is taken literally: only `*.` at the beginning stands for any name';
    case ACL_DOMAIN_NEVER:
      return 'acl.domain.never matches no host: write an ASCII name without scheme, port, path and last dot';
    case ACL_DOMAIN_USER:
      return 'acl.domain.user matches user names in lower case only, because hosts are lower-cased';
    case ACL_SUBJECT_COMMA:
      return 'acl.subject.comma names subjects that must all match: a comma means and; write a list for or';
    case ACL_BYPASS_DOMAIN:
      return 'acl.bypass.domain lets everybody in without a name, but not others who are signed in';
    case ACL_BYPASS_RESOURCE:
      return 'acl.bypass.resource lets everybody in without a name, but not others who are signed in';
    case ACL_CRITERION_EMPTY:
      return 'acl.criterion.empty is empty and so matches everything: remove it or add an entry';
    case POLICY_UNUSED:
      return 'policy.unused is not used';
    case ACL_NETWORK_MAPPED:
      return 'acl.network.mapped is read as `::/32`, as Authelia does: write the IPv4 address';
    case POLICY_MORE_ERRORS:
      return 'policy.more there are more errors than fit here';
    case POLICY_MORE_WARNINGS:
      return 'policy.more there are more warnings than fit here';
    default:
      return '';
  }
}
