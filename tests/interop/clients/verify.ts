/**
 * Verifies a bundle with libraries from npm: node verify.ts BUNDLE VKEY [OLDER-CHECKPOINT]...
 *
 *   @sigstore/verify   signatures under checkpoints, inclusion in the tree
 *   canonicalize       the bytes of entries, revision documents and targets
 *   @sd-jwt            disclosures and their digests
 *
 * What they cannot judge (tiles above the lowest, order, times, redactions) is judged by the glue in
 * this file. It prints one line: what was proved, or who refused what; the status is 0 or 1.
 */
import { createHash, createPublicKey } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { unpackSync } from "@sd-jwt/decode";
import { Disclosure } from "@sd-jwt/utils";
// Inside the library, and not among what it exports: there it only takes whole Sigstore bundles.
import { type LogCheckpoint, verifyCheckpoint } from "@sigstore/verify/dist/tlog/checkpoint.js";
import { verifyMerkleInclusion } from "@sigstore/verify/dist/tlog/merkle.js";
import canonicalize from "canonicalize";

const WIDTH = 256;
const KINDS = ["EDIT", "IMPORT", "MERGE", "REVERT", "REDACTION", "REVIEW", "ACCESS"];

type Judge = "@sigstore/verify" | "canonicalize" | "@sd-jwt" | "glue";
type Authority = Parameters<typeof verifyCheckpoint>[1][number];
type Proved = Parameters<typeof verifyMerkleInclusion>[0];
type Subtree = { count: number; root: string };
type Digests = { public: string[]; restricted: string[] };
type Entry = Digests & {
  v: string;
  kind: string;
  position: number;
  recordedAt: string;
  revisions: Subtree;
  targets?: Subtree;
};
type Older = { note: string; size: number };
type Document = Digests & { record: string; version: number; prev: number | null };
type Target = { position: number; scope: string; version: number | null; digest: string };
type Content = {
  header: string[];
  position: number;
  revisions: { disclosures: string[]; document: Document }[];
  targets?: Target[];
};

class Refused extends Error {
  constructor(by: Judge, where: string, why: unknown) {
    super(`${by}: ${where}: ${why instanceof Error ? why.message : why}`);
  }
}

/** Does what a library is asked for; what it throws is its refusal. */
function ask<T>(by: Judge, where: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof Refused ? error : new Refused(by, where, error);
  }
}

function must(holds: unknown, where: string, why: string): asserts holds {
  if (!holds) throw new Refused("glue", where, why);
}

const json = <T>(where: string, text: string): T => ask("glue", where, () => JSON.parse(text));

function verify(bundle: string, vkey: string, kept: string[]): string {
  const files = new Files(bundle);
  const key = authority(vkey);
  const about = json<{ v: string; size: number; origin: string; audience: string }>(
    "bundle.json",
    files.text("bundle.json"),
  );
  const note = files.text("checkpoint");
  const head = opened("checkpoint", note, key);
  const size = Number(head.logSize);
  must(about.v === "corrigenda-bundle/1", "bundle.json", "an unknown form of bundle");
  must(about.size === size && about.origin === head.origin, "bundle.json", "of another log");

  const entries = entriesOf(files, size);
  const leaves = checkEntries(files, entries, head, note);
  checkProofFiles(files, entries, key);
  const older = [
    ...files.lines("checkpoints.jsonl").map((line) => json<Older>("checkpoints.jsonl", line)),
    ...kept.map((path) => ({ note: ask("glue", path, () => readFileSync(path, "utf8")), size: path })),
  ];
  for (const one of older) {
    must(typeof one.note === "string", "checkpoints.jsonl", "a line of it has no note");
    checkOlder(`checkpoint ${one.size}`, one.note, key, entries, leaves);
  }
  const found = checkContent(files, entries, about.audience);
  return `${size} entries signed by ${head.origin}, consistent with ${older.length} older checkpoints; ${found}`;
}

// --- checkpoints ------------------------------------------------------------------------------

/** A vkey is name+key id+base64 of 01 and the public key, and base64 may have a + of its own. */
function authority(vkey: string): Authority {
  const [name = "", id = "", ...rest] = vkey.split("+");
  const key = Buffer.from(rest.join("+"), "base64");
  must(key.length === 33 && key[0] === 1, "the vkey", "this is no Ed25519 key");
  const jwk = { kty: "OKP", crv: "Ed25519", x: key.subarray(1).toString("base64url") };
  return {
    logID: Buffer.from(id, "hex"),
    baseURL: name,
    publicKey: createPublicKey({ key: jwk, format: "jwk" }),
    validFor: { start: new Date(0), end: new Date() },
  };
}

function opened(where: string, note: string, key: Authority): LogCheckpoint {
  const entry = { inclusionProof: { checkpoint: { envelope: note } } } as unknown as Proved;
  const head = ask("@sigstore/verify", where, () => verifyCheckpoint(entry, [key]));
  must(head.origin === key.baseURL, where, "this is the checkpoint of another log");
  must(head.logSize > 0n && head.logHash.length === 32, where, "a size, or a root, that cannot be");
  return head;
}

/** Asks whether entry `index` is in the tree of `head`, by these hashes. */
function checkIncluded(where: string, body: Buffer, index: number, hashes: Buffer[], head: LogCheckpoint) {
  const inclusionProof = { logIndex: String(index), hashes };
  const entry = { canonicalizedBody: body, inclusionProof } as unknown as Proved;
  ask("@sigstore/verify", where, () => verifyMerkleInclusion(entry, head));
}

/**
 * Checks that the log begins with all that an older checkpoint covers. The library knows no
 * consistency proofs. But the last entry's proof of inclusion in the older tree is made of every
 * other leaf in it: where it holds with the hashes of today, the older tree is the same.
 */
function checkOlder(where: string, note: string, key: Authority, entries: Buffer[], leaves: Buffer[]) {
  const old = opened(where, note, key);
  const size = Number(old.logSize);
  must(size <= leaves.length, where, `${size} entries: some are missing here`);
  const rows = pyramid(leaves.slice(0, size));
  checkIncluded(where, entries[size - 1]!, size - 1, path(rows, size - 1), old);
}

// --- the tree ---------------------------------------------------------------------------------

const sha256 = (...parts: (Buffer | string)[]) =>
  parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest();
const leafHash = (data: Buffer | string) => sha256(Buffer.of(0), data);

/** All rows of a tree, from the leaves to the root: a last node without a partner moves up. */
function pyramid(leaves: Buffer[]): Buffer[][] {
  const rows = [leaves];
  for (let row = leaves; row.length > 1; rows.push(row)) {
    const below = row;
    row = below.flatMap((left, n) => {
      const right = below[n + 1];
      if (n % 2) return [];
      return [right ? sha256(Buffer.of(1), left, right) : left];
    });
  }
  return rows;
}

/** The inclusion proof of a leaf: its sibling in every row that has one. */
const path = (rows: Buffer[][], index: number) =>
  rows.flatMap((row, level) => row[(index >> level) ^ 1] ?? []);

const rootOf = (leaves: Buffer[]) => pyramid(leaves).at(-1)?.[0] ?? sha256();

// --- tiles and entries ------------------------------------------------------------------------

class Files {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  bytes(name: string): Buffer {
    return ask("glue", name, () => readFileSync(join(this.folder, name)));
  }

  text(name: string): string {
    return this.bytes(name).toString("utf8");
  }

  names(folder: string): string[] {
    return ask("glue", folder, () => readdirSync(join(this.folder, folder)));
  }

  lines(name: string): string[] {
    const text = this.text(name);
    must(text === "" || text.endsWith("\n"), name, "its last line has no end");
    return text.split("\n").slice(0, -1);
  }
}

type Extent = { number: string; width: number; first: number };

/** The tiles over so many hashes or entries: the number as a path, the width, the first of them. */
function* tiles(size: number): Generator<Extent> {
  for (let first = 0; first < size; first += WIDTH) {
    const number = String(first / WIDTH).padStart(3, "0");
    // Groups of three digits from the right, all but the last with an x: x001/x234/067.
    const groups = number.replace(/^\d{1,2}(?=(\d{3})+$)/, (head) => head.padStart(3, "0"));
    const path = groups.replace(/\d{3}(?=\d)/g, "x$&/");
    yield { number: path, width: Math.min(WIDTH, size - first), first };
  }
}

/** Reads something of each tile in turn, so that what is missing is noticed at once. */
const eachTile = <T>(size: number, read: (tile: Extent) => T[]): T[] => {
  const all: T[] = [];
  for (const tile of tiles(size)) all.push(...read(tile));
  return all;
};

const tileName = (number: string, width: number) => (width < WIDTH ? `${number}.p/${width}` : number);

function entriesOf(files: Files, size: number): Buffer[] {
  return eachTile(size, ({ number, width }) => {
    const name = `tile/entries/${tileName(number, width)}`;
    let data = files.bytes(name);
    const entries = Array.from({ length: width }, () => {
      const end = data.length < 2 ? Infinity : 2 + data.readUInt16BE();
      must(end <= data.length, name, "it ends in the middle of an entry");
      const entry = data.subarray(2, end);
      data = data.subarray(end);
      return entry;
    });
    must(data.length === 0, name, `it has more than ${width} entries`);
    return entries;
  });
}

function row(files: Files, level: number, size: number): Buffer[] {
  return eachTile(size, ({ number, width }) => {
    const name = `tile/${level}/${tileName(number, width)}`;
    const data = files.bytes(name);
    must(data.length === width * 32, name, `it has not ${width} hashes`);
    return Array.from({ length: width }, (_, n) => data.subarray(n * 32, n * 32 + 32));
  });
}

/** Proves each entry by the hashes in the lowest tiles, and so those; returns them. */
function checkEntries(files: Files, entries: Buffer[], head: LogCheckpoint, note: string): Buffer[] {
  const leaves = row(files, 0, entries.length);
  const rows = pyramid(leaves);
  for (const [n, body] of entries.entries()) {
    checkIncluded(`position ${n + 1}`, body, n, path(rows, n), head);
    must(leafHash(body).equals(leaves[n]!), `position ${n + 1}`, "its tile has another hash");
  }
  for (let level = 1, size = entries.length >> 8; size > 0; level += 1, size >>= 8) {
    for (const [n, hash] of row(files, level, size).entries()) {
      must(rows[8 * level]![n]!.equals(hash), `tile level ${level}`, `hash ${n} is another`);
    }
  }
  return leaves;
}

/** Checks the proofs that stand on their own (C2SP tlog-proof). */
function checkProofFiles(files: Files, entries: Buffer[], key: Authority) {
  for (const file of files.names("proofs/inclusion")) {
    const name = `proofs/inclusion/${file}`;
    const [, top = "", note = ""] = files.text(name).match(/^(.*?)\n\n(.*)$/s) ?? [];
    const [form, index = "", ...hashes] = top.split("\n");
    must(form === "c2sp.org/tlog-proof@v1", name, "this is no proof of C2SP's form");
    const at = Number(index.replace("index ", ""));
    const body = entries[at];
    must(body, name, `${index} names no entry`);
    const head = opened(name, note, key);
    checkIncluded(name, body, at, hashes.map((one) => Buffer.from(one, "base64")), head);
  }
}

// --- content ----------------------------------------------------------------------------------

/** Reads JSON that has to be written in the one canonical way. */
function canonical<T>(where: string, text: string): T {
  const value = json<T>(where, text);
  const written = ask("canonicalize", where, () => canonicalize(value as object));
  if (written !== text) throw new Refused("canonicalize", where, "this is not its canonical JSON");
  return value;
}

/** What has to be remembered of the log while reading on. */
class Ledger {
  readonly audience: string;
  latest = "";
  records = new Map<string, { version: number; position: number }>();
  gaps = new Map<string, { at: string; restricted: boolean }>();
  matched = 0;
  redacted = 0;

  constructor(audience: string) {
    must(["PUBLIC", "AUDITOR"].includes(audience), "bundle.json", "an unknown audience");
    this.audience = audience;
  }

  check(at: number, entry: Entry, content: Content) {
    const where = `position ${at}`;
    const known = entry.v === "corrigenda-entry/1" && KINDS.includes(entry.kind);
    must(known, where, `unknown version ${entry.v} or kind ${entry.kind}`);
    must(entry.position === at && content.position === at, where, "it says it is elsewhere");
    // All of one form, so text compares like time.
    must(entry.recordedAt >= this.latest, where, "recorded before the entry in front of it");
    this.latest = entry.recordedAt;
    this.open({ position: at, scope: "header", version: null }, content.header, entry);
    const documents = content.revisions.map(({ document }) => document);
    checkSubtree(where, "revision documents", entry.revisions, documents);
    for (const { document, disclosures } of content.revisions) {
      this.step(at, document);
      const { record, version } = document;
      this.open({ position: at, scope: record, version }, disclosures, document);
    }
    const redacts = entry.kind === "REDACTION";
    must(redacts === !!entry.targets && redacts === !!content.targets, where, "targets out of place");
    if (entry.targets && content.targets) {
      checkSubtree(where, "targets", entry.targets, content.targets);
      for (const target of content.targets) this.redact(at, target);
    }
  }

  /** A version follows the one before it, and says where that stands. */
  step(at: number, { record, version, prev }: Document) {
    const before = this.records.get(record);
    const follows = version === (before?.version ?? 0) + 1 && prev === (before?.position ?? null);
    must(follows && prev !== at, `position ${at}, ${record}`, `version ${version} after ${prev}`);
    this.records.set(record, { version, position: at });
  }

  /** Has the library put disclosures where their digests stand; what is left over is a gap. */
  open(place: Omit<Target, "digest">, disclosures: string[], digests: Digests) {
    const where = `position ${place.position}, ${place.scope}`;
    const hash = { alg: "sha-256", hasher };
    const parsed = ask("@sd-jwt", where, () =>
      disclosures.map((one) => Disclosure.fromEncodeSync<unknown>(one, hash)),
    );
    const payload = { _sd: [...digests.public, ...digests.restricted], _sd_alg: "sha-256" };
    const { disclosureKeymap } = ask("@sd-jwt", where, () => unpackSync(payload, parsed, hasher));
    const found = new Set(Object.values(disclosureKeymap));
    for (const one of parsed) {
      const digest = one.digestSync(hash);
      must(found.has(digest), where, `${one.key} is not what was logged: no digest for it`);
      const hidden = this.audience === "PUBLIC" && digests.restricted.includes(digest);
      must(!hidden, where, `${one.key} is restricted, and this bundle is for the public`);
    }
    must(found.size === parsed.length, where, "a disclosure stands there twice");
    this.matched += found.size;
    for (const [restricted, all] of [[false, digests.public], [true, digests.restricted]] as const) {
      for (const digest of all.filter((one) => !found.has(one))) {
        this.gaps.set(canonicalize({ ...place, digest })!, { at: where, restricted });
      }
    }
  }

  /** Closes the gap that a target names. What it names and is there is shown in spite of it. */
  redact(at: number, target: Target) {
    const named = this.gaps.delete(canonicalize(target)!) && target.position < at;
    must(named, `position ${at}`, `it redacts ${target.digest}, which is shown, or never was there`);
    this.redacted += 1;
  }

  /** Rule R: what is absent was redacted, or is withheld from this audience. */
  finish(): string {
    for (const { at, restricted } of this.gaps.values()) {
      const withheld = restricted && this.audience === "PUBLIC";
      must(withheld, at, "a disclosure is missing, and no redaction names it");
    }
    return `${this.matched} disclosures match, ${this.redacted} redacted, ${this.gaps.size} restricted, withheld`;
  }
}

const hasher = (data: string | ArrayBuffer) =>
  new Uint8Array(sha256(typeof data === "string" ? data : Buffer.from(data)));

function checkSubtree(where: string, what: string, stated: Subtree, documents: object[]) {
  const { count, root } = stated;
  must(count === documents.length, where, `${documents.length} ${what}, but the entry says ${count}`);
  const leaves = documents.map((one) => leafHash(canonicalize(one)!));
  must(rootOf(leaves).toString("hex") === root, where, `the ${what} do not hash into its root`);
}

function checkContent(files: Files, entries: Buffer[], audience: string): string {
  const ledger = new Ledger(audience);
  for (const { number, width, first } of tiles(entries.length)) {
    const name = `content/${number}.jsonl`;
    const lines = files.lines(name);
    must(lines.length === width, name, `it has not ${width} lines`);
    for (const [n, line] of lines.entries()) {
      const where = `position ${first + n + 1}`;
      const entry = canonical<Entry>(where, entries[first + n]!.toString("utf8"));
      ledger.check(first + n + 1, entry, canonical<Content>(where, line));
    }
  }
  return ledger.finish();
}

const [bundle, vkey, ...kept] = process.argv.slice(2);
if (!bundle || !vkey) {
  console.error("usage: node verify.ts BUNDLE VKEY [OLDER-CHECKPOINT]...");
  process.exit(2);
}
try {
  console.log(`verified: ${verify(bundle, vkey, kept)}`);
} catch (error) {
  if (!(error instanceof Refused)) throw error;
  console.log(`refused by ${error.message}`);
  process.exitCode = 1;
}
