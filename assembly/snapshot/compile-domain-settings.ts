import { ByteWriter } from '../bytes/writer';
import { BACKEND_OTHER, ENTRY_SIZE, IMAGE_SETTINGS, PATHS_CLEAN } from '../policy/layout';
import { beginList, endList, image, intern, setHeader } from './blocks';
import { compileDomains } from './compile-domains';
import { compileIdentity, identityLength, internNames } from './compile-identity';
import { readBoolean } from './compile-settings';
import { doc, docEnd, isAbsent, readKeys, readText, reportText, textPlace, values } from './document';
import { firstItem, JSON_ARRAY, JSON_OBJECT, kindOf, nextItem } from './json';
import {
  POLICY_AMBIGUOUS,
  POLICY_DENIAL,
  POLICY_DOMAIN_MISSING,
  POLICY_ENTRIES_LIMIT,
  POLICY_LIST,
} from './problem-codes';
import { path, popPath, pushIndex, pushKey, report, reportNumber } from './problems';

/** `domains` and what stands for every host, into the block of settings (`policy/settings.ts`). */

/** In the order of DENIAL_…. */
const DENIALS = 'authelia adaptive redirect json basic status';
/** In the order of PATHS_…. */
const PATHS = 'refuse clean';

/** Entries of the block. */
const entries = new ByteWriter(new StaticArray<u8>(0));

/** Makes room for that many entries of `domains`. */
export function reserveSettings(maxEntries: i32): void {
  // One for every host, one for the list under `ambiguous_paths`.
  entries.buf = new StaticArray<u8>(maxEntries > 0 ? (maxEntries + 2) * ENTRY_SIZE : 0);
}

/** The keys of one entry, or of the document itself. Paths may be a list of domains there. */
export function compileSettings(domains: i32, identity: i32, denial: i32, ambiguous: i32): void {
  entries.reset();
  let cleanList = !isAbsent(ambiguous) && kindOf(doc, ambiguous) == JSON_OBJECT;
  compileEntry(0, identity, denial, cleanList ? -1 : ambiguous, -1);
  if (!isAbsent(domains)) {
    pushKey('domains');
    if (kindOf(doc, domains) == JSON_ARRAY) compileList(domains);
    else report(POLICY_LIST);
    popPath(0);
  }
  if (cleanList) {
    pushKey('ambiguous_paths');
    if (readKeys(ambiguous, 'clean')) {
      let clean = values[0];
      pushKey('clean');
      addEntry(listOf(clean), 0, 0, 0, PATHS_CLEAN, 0);
    }
    popPath(0);
  }
  if (entries.overflow) {
    pushKey('domains');
    reportNumber(POLICY_ENTRIES_LIMIT, entries.buf.length / ENTRY_SIZE - 2);
    popPath(0);
  }
  let names = internNames(entries);
  let at = image.len;
  image.u32(entries.len / ENTRY_SIZE);
  image.u32(names);
  image.bytes(entries.buf, 0, entries.len);
  setHeader(IMAGE_SETTINGS, intern(at));
}

function compileList(domains: i32): void {
  let mark = path.len;
  let index = 0;
  for (let entry = firstItem(doc, domains, docEnd); entry >= 0; entry = nextItem(doc, entry, docEnd)) {
    pushIndex(index++);
    if (readKeys(entry, 'domain identity_headers denial ambiguous_paths elasticsearch')) {
      let domain = values[0];
      let identity = values[1];
      let denial = values[2];
      let paths = values[3];
      let elastic = values[4];
      if (isAbsent(domain)) report(POLICY_DOMAIN_MISSING);
      let here = path.len;
      pushKey('domain');
      let list = listOf(domain);
      popPath(here);
      compileEntry(list, identity, denial, paths, elastic);
    }
    popPath(mark);
  }
}

function listOf(domains: i32): i32 {
  beginList();
  compileDomains(domains, false);
  return endList();
}

/** @param list offset of the entry's domains, 0 for the entry that is for every host */
function compileEntry(list: i32, identity: i32, denial: i32, paths: i32, elastic: i32): void {
  let mark = path.len;
  pushKey('identity_headers');
  // What is sent is said for every host, also by who says nothing.
  let block = isAbsent(identity) && list != 0 ? 0 : compileIdentity(identity);
  let length = block == 0 ? 0 : identityLength;
  popPath(mark);
  addEntry(
    list,
    block,
    length,
    word(denial, 'denial', DENIALS, POLICY_DENIAL),
    word(paths, 'ambiguous_paths', PATHS, POLICY_AMBIGUOUS),
    backendOf(elastic),
  );
}

function backendOf(value: i32): u32 {
  return isAbsent(value) ? 0 : BACKEND_OTHER + <u32>readBoolean(value, 'elasticsearch');
}

function addEntry(list: i32, identity: i32, length: i32, denial: u32, paths: u32, backend: u32): void {
  entries.u32(list);
  entries.u32(identity);
  entries.u16(length);
  entries.u8(denial);
  entries.u8(paths);
  entries.u32(backend);
}

/** Place of the word in `known`, from 1; 0 when it is absent or was reported. */
function word(value: i32, key: string, known: string, problem: i32): u32 {
  if (isAbsent(value)) return 0;
  let mark = path.len;
  pushKey(key);
  let place = -1;
  if (readText(value)) {
    place = textPlace(known);
    if (place < 0) reportText(problem);
  }
  popPath(mark);
  return place + 1;
}
