import { createHash } from 'node:crypto';
import { ACKS_TTL_MS, MAX_EVENTS } from './limits.ts';

/**
 * Scripts, so that each step is one step. Those that write take the time until
 * which they may, in the server's clock, as their first argument: what was sent
 * to a server that stood still would otherwise be written when it goes on, over
 * what others wrote meanwhile. They need Redis 5 or what speaks like it.
 */
export interface Script {
  readonly text: string;
  readonly sha: string;
  /** Whether this can be what it answers: something else that speaks like Redis may be listening there. */
  readonly isAnswer: (answer: unknown) => boolean;
}

const isNumber = (answer: unknown) => Number.isSafeInteger(answer);
const isBytes = (answer: unknown): answer is Uint8Array => answer instanceof Uint8Array;
const isDigits = (answer: unknown) => isBytes(answer) && /^\d+$/.test(Buffer.from(answer).toString('latin1'));
const isList = (answer: unknown): answer is readonly unknown[] => Array.isArray(answer);
const isAllBytes = (answer: unknown): answer is readonly Uint8Array[] =>
  isList(answer) && answer.every(isBytes);

const NOW = `
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
`;
const IN_TIME = `${NOW}
if now > tonumber(ARGV[1]) then return redis.error_reply('LATE sent too long ago, or clocks differ') end
`;

export const GET = script(`return redis.call('GET', KEYS[1])`, answer => answer === null || isBytes(answer));

/** value, milliseconds */
export const SET = script(`${IN_TIME}
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`);

/** milliseconds */
export const TOUCH = script(`${IN_TIME}
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`);

export const DELETE = script(`${IN_TIME}
return redis.call('DEL', KEYS[1])`);

/** amount, milliseconds */
export const INCREMENT = script(`${IN_TIME}
local sum = redis.call('INCRBY', KEYS[1], ARGV[2])
if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return sum`);

/** What was noted: lines of time, blank, label. Text of few commands, as users of Redis are given few. */
const NOTED = `${IN_TIME}
local kept = {}
local noted = string.gmatch(redis.call('GET', KEYS[1]) or '', '(%d+) (%S*)\\n')
`;

/** milliseconds, most, label */
export const NOTE = script(`${NOTED}
for at, label in noted do
  if now - tonumber(at) < tonumber(ARGV[2]) then table.insert(kept, at .. ' ' .. label .. '\\n') end
end
table.insert(kept, string.format('%.0f', now) .. ' ' .. ARGV[4] .. '\\n')
local first = math.max(1, #kept - tonumber(ARGV[3]) + 1)
redis.call('SET', KEYS[1], table.concat(kept, '', first), 'PX', ARGV[2])
return #kept - first + 1`);

/** label */
export const FORGET = script(`${NOTED}
for at, label in noted do
  if label ~= ARGV[2] then table.insert(kept, at .. ' ' .. label .. '\\n') end
end
local rest = redis.call('PTTL', KEYS[1])
if #kept == 0 or rest <= 0 then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], table.concat(kept), 'PX', rest)
return 0`);

/**
 * Keys: lock, fence. token, milliseconds. A lock's value is token, blank, fence.
 * The fence is at least the time, so that it grows even when the store forgot it.
 * Answers whether it was taken, and the holder's fence.
 */
export const ACQUIRE = script(
  `${IN_TIME}
local held = redis.call('GET', KEYS[1])
if held then return {0, string.match(held, ' (%d+)$')} end
local fence = tonumber(redis.call('GET', KEYS[2]) or '0') + 1
if fence < now then fence = now end
fence = string.format('%.0f', fence)
redis.call('SET', KEYS[1], ARGV[2] .. ' ' .. fence, 'PX', ARGV[3])
redis.call('SET', KEYS[2], fence, 'PX', 86400000)
return {1, fence}`,
  answer => isList(answer) && isNumber(answer[0]) && isDigits(answer[1]),
);

const IF_HELD = `${IN_TIME}
if redis.call('GET', KEYS[1]) ~= ARGV[2] then return 0 end
`;

/** Keys: lock. its value, milliseconds */
export const EXTEND = script(`${IF_HELD}
return redis.call('PEXPIRE', KEYS[1], ARGV[3])`);

/** Keys: lock, another. its value, value, milliseconds */
export const SET_IF_HELD = script(`${IF_HELD}
redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
return 1`);

/** Keys: lock, left. its value, result, milliseconds */
export const LEAVE = script(`${IF_HELD}
redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
return redis.call('DEL', KEYS[1])`);

/** Keys: lock. its value */
export const RELEASE = script(`${IF_HELD}
return redis.call('DEL', KEYS[1])`);

/** Keys: lock, left. fence. Answers what was left, 1 while it works, 0 when it is gone. */
export const OUTCOME = script(
  `
local left = redis.call('GET', KEYS[2])
if left then return left end
local held = redis.call('GET', KEYS[1])
if held and string.match(held, ' (%d+)$') == ARGV[1] then return 1 end
return 0`,
  answer => isNumber(answer) || isBytes(answer),
);

/**
 * Keys: marker, hosts, event number. marker for an empty store, host, milliseconds
 * that its guests go on without it. Where the store is full, what is there is
 * read all the same. Answers marker (empty: none, and no room for one), the
 * server's time, the last event's number, whether it could write.
 */
export const BEAT = script(
  `${NOW}
local made = redis.pcall('SET', KEYS[1], ARGV[1], 'NX')
local shown = redis.pcall('ZADD', KEYS[2], now + ARGV[3], ARGV[2])
local problem = ''
if type(made) == 'table' and made.err then problem = made.err end
if type(shown) == 'table' and shown.err then problem = shown.err end
if problem == '' then redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', '(' .. now) end
return {redis.call('GET', KEYS[1]) or '', string.format('%.0f', now), redis.call('GET', KEYS[3]) or '0', problem}`,
  answer => isAllBytes(answer) && isDigits(answer[1]) && isDigits(answer[2]) && answer.length === 4,
);

/**
 * Keys: events, event number. topic, sealed payload, id of the acknowledgements. Answers the event's number,
 * which is its id. A number without an event would be one that the others missed, so it is taken back; but
 * not where the stream is further than the numbers, which catch up with it.
 */
export const PUBLISH = script(
  `${IN_TIME}
local number = string.format('%.0f', redis.call('INCR', KEYS[2]))
local told = redis.pcall('XADD', KEYS[1], 'MAXLEN', '~', ${MAX_EVENTS}, number .. '-0', 't', ARGV[2], 'p', ARGV[3], 'a', ARGV[4])
if type(told) == 'table' and told.err then
  if not string.find(told.err, 'equal or smaller', 1, true) then redis.call('INCRBY', KEYS[2], -1) end
  return told
end
return number`,
  isDigits,
);

/** Keys: acks. host */
export const ACKNOWLEDGE = script(`${IN_TIME}
redis.call('SADD', KEYS[1], ARGV[2])
return redis.call('PEXPIRE', KEYS[1], ${ACKS_TTL_MS})`);

/** Keys: acks, hosts. Answers who acknowledged, and all hosts with the time until which they count. */
export const PROGRESS = script(
  `${NOW}
return {redis.call('SMEMBERS', KEYS[1]), redis.call('ZRANGEBYSCORE', KEYS[2], now, '+inf', 'WITHSCORES')}`,
  answer => isList(answer) && answer.length === 2 && answer.every(isAllBytes),
);

/** Keys: hosts. host, milliseconds that its guests go on. */
export const LEAVE_HOSTS = script(`${IN_TIME}
return redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[2])`);

function script(text: string, isAnswer: Script['isAnswer'] = isNumber): Script {
  // Blanks of the template cost nothing; the hash is of the text as it is sent.
  return { text, sha: createHash('sha1').update(text).digest('hex'), isAnswer };
}
