/** A connection that takes longer leads to a store that would only cost time. */
export const CONNECT_MS = 1_000;
/**
 * For one call, redirections included. A store in the same network answers in a
 * millisecond; the longest pause of a healthy one (a fork with a large data set)
 * stays below this.
 */
export const COMMAND_MS = 500;
/** So many calls in a row that got no answer open the circuit: further ones are refused at once. */
export const FAILURES_TO_OPEN = 2;
/** How often this host shows itself and looks for the marker; closes the circuit again. */
export const BEAT_MS = 1_000;
/** After so many beats without an answer the connection is given up for a new one: its other end may be gone without a word. */
export const BEATS_TO_RECONNECT = 3;
/** The first attempts to reconnect follow quickly (a restart takes a second), later ones rarely. */
export const RECONNECT_MIN_MS = 50;
export const RECONNECT_MAX_MS = 2_000;
/** How often a sentinel that is away is asked, while the others say where the master is. */
export const SENTINEL_RETRY_MS = 10_000;
/** How long a start waits for the store. */
export const START_MS = 2_000;
/** What the clocks of a cluster's nodes may differ by, see `redis-scripts.ts`. */
export const SERVER_SKEW_MS = 2_000;
/** How long a reader of events waits for the next one in one call. */
export const EVENTS_BLOCK_MS = 1_000;
/** Events kept for hosts that were away. Whoever missed more believes no grant that it has. */
export const MAX_EVENTS = 5_000;
/** Acknowledgements are counted for as long as anybody waits for them. */
export const ACKS_TTL_MS = 60_000;
/** Beyond this a value is no small fact about a user any more; it bounds what hosts read and Redis holds. */
export const MAX_VALUE = 65_536;
/** Names of users and the like; and 5,000 events stay below 10 MB. */
export const MAX_EVENT = 1_024;
/** Entries of a memory cache: what 10,000 users leave behind. The oldest goes first. */
export const MAX_ENTRIES = 50_000;
/**
 * Guests read the state page every half second, and a heartbeat later it is
 * written: for so much longer than `offline_grace` a host's guests may use what it
 * wrote.
 */
export const LEASE_MARGIN_MS = 5_000;
