// Verify checks a log of Corrigenda with the packages note and tlog of golang.org/x/mod/sumdb.
//
//	verify BUNDLE VKEY [OLDER-CHECKPOINT]...
//	verify https://ledger.example VKEY [OLDER-CHECKPOINT]...
//
// Signatures, tiles, the tree and its proofs are judged by those packages. What they cannot judge
// (content, order, times, redactions) is judged by the glue in this file; it needs a bundle, as what
// is served is the log alone. It prints one line: what was proved, or who refused what; the status
// is 0 or 1.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	height = 8 // of a tile: 256 hashes
	width  = 1 << height
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: verify BUNDLE|URL VKEY [OLDER-CHECKPOINT]...")
		os.Exit(2)
	}
	proved, err := verify(&place{os.Args[1], map[string][]byte{}}, os.Args[2], os.Args[3:])
	if err != nil {
		fmt.Println("refused by", err)
		os.Exit(1)
	}
	fmt.Println("verified:", proved)
}

func verify(p *place, vkey string, kept []string) (string, error) {
	signer, err := note.NewVerifier(vkey)
	if err != nil {
		return "", by("note", "the vkey", err)
	}
	msg, err := p.read("checkpoint")
	if err != nil {
		return "", err
	}
	head, err := open("checkpoint", msg, signer)
	if err != nil {
		return "", err
	}
	hashes := tlog.TileHashReader(head.Tree, p)
	if err := checkTiles(head.Tree, hashes); err != nil {
		return "", err
	}
	entries, err := p.entries(head.N)
	if err != nil {
		return "", err
	}
	if err := checkEntries(entries, head.Tree, hashes); err != nil {
		return "", err
	}
	older, err := keptHeads(kept)
	if err != nil {
		return "", err
	}
	found := "nothing else is served"
	if !p.isServed() {
		more, err := p.checkProofs(head, entries, signer)
		if err != nil {
			return "", err
		}
		older = append(older, more...)
	}
	if err := checkOlder(older, head, hashes, signer); err != nil {
		return "", err
	}
	if !p.isServed() {
		if found, err = p.checkContent(entries); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%d entries signed by %s, consistent with %d older checkpoints; %s",
		head.N, signer.Name(), len(older), found), nil
}

// by says who refused: note, tlog or glue; and what.
func by(who, what string, err error) error {
	return fmt.Errorf("%s: %s: %w", who, what, err)
}

func glue(what, format string, facts ...any) error {
	return by("glue", what, fmt.Errorf(format, facts...))
}

// --- checkpoints --------------------------------------------------------------

type checkpoint struct {
	tlog.Tree
	origin string
}

// open returns what a signed note states. The package's own ParseTree takes no origin but Go's.
func open(name string, msg []byte, signer note.Verifier) (checkpoint, error) {
	signed, err := note.Open(msg, note.VerifierList(signer))
	if err != nil {
		return checkpoint{}, by("note", name, err)
	}
	lines := strings.Split(signed.Text, "\n")
	if len(lines) < 4 || lines[0] != signer.Name() {
		return checkpoint{}, glue(name, "this is no checkpoint of %s", signer.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 1 || strconv.FormatInt(size, 10) != lines[1] {
		return checkpoint{}, glue(name, "%q is no size", lines[1])
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return checkpoint{}, by("tlog", name, err)
	}
	return checkpoint{tlog.Tree{N: size, Hash: root}, lines[0]}, nil
}

// checkProofs checks what a bundle says of itself and its proofs; it returns the older checkpoints.
func (p *place) checkProofs(head checkpoint, entries [][]byte, signer note.Verifier) ([]olderHead, error) {
	var about struct {
		Size      int64
		Origin, V string
	}
	if err := p.readJSON("bundle.json", &about); err != nil {
		return nil, err
	}
	if about.V != "corrigenda-bundle/1" || about.Size != head.N || about.Origin != head.origin {
		return nil, glue("bundle.json", "it speaks of another log than the checkpoint, or of another size")
	}
	if err := p.checkProofFiles(entries, signer); err != nil {
		return nil, err
	}
	return p.olderHeads()
}

// An olderHead is a checkpoint from before; proof is what the bundle offers to prove it, if anything.
type olderHead struct {
	name  string
	msg   []byte
	proof tlog.TreeProof
}

// keptHeads returns the checkpoints that the caller kept.
func keptHeads(paths []string) ([]olderHead, error) {
	var all []olderHead
	for _, path := range paths {
		msg, err := os.ReadFile(path)
		if err != nil {
			return nil, by("glue", path, err)
		}
		all = append(all, olderHead{path, msg, nil})
	}
	return all, nil
}

// olderHeads returns the older checkpoints of the bundle, with their proofs.
func (p *place) olderHeads() ([]olderHead, error) {
	var all []olderHead
	proofs := map[int64]tlog.TreeProof{}
	err := p.eachLine("proofs/consistency.jsonl", func(data []byte) error {
		var line struct {
			From  int64
			Proof []string
		}
		if err := json.Unmarshal(data, &line); err != nil {
			return glue("proofs/consistency.jsonl", "%v", err)
		}
		proofs[line.From] = tlog.TreeProof{}
		for _, text := range line.Proof {
			one, err := hex.DecodeString(text)
			if err != nil || len(one) != tlog.HashSize {
				return glue("proofs/consistency.jsonl", "%q is no hash", text)
			}
			proofs[line.From] = append(proofs[line.From], tlog.Hash(*(*[tlog.HashSize]byte)(one)))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = p.eachLine("checkpoints.jsonl", func(data []byte) error {
		var line struct {
			Note string
			Size int64
		}
		if err := json.Unmarshal(data, &line); err != nil {
			return glue("checkpoints.jsonl", "%v", err)
		}
		proof, found := proofs[line.Size]
		if !found {
			return glue("proofs/consistency.jsonl", "no proof from %d", line.Size)
		}
		name := fmt.Sprintf("checkpoints.jsonl, size %d", line.Size)
		all = append(all, olderHead{name, []byte(line.Note), proof})
		return nil
	})
	return all, err
}

// checkOlder checks that the newest tree grew from each older one.
func checkOlder(older []olderHead, head checkpoint, hashes tlog.HashReader, signer note.Verifier) error {
	for _, one := range older {
		old, err := open(one.name, one.msg, signer)
		if err != nil {
			return err
		}
		if old.N > head.N {
			return glue(one.name, "%d entries, and this bundle has %d: some are missing", old.N, head.N)
		}
		proof, err := tlog.ProveTree(head.N, old.N, hashes)
		if err != nil {
			return by("tlog", one.name, err)
		}
		if one.proof != nil {
			proof = one.proof
		}
		if err := tlog.CheckTree(proof, head.N, head.Hash, old.N, old.Hash); err != nil {
			return by("tlog", one.name, err)
		}
	}
	return nil
}

// --- tiles and entries --------------------------------------------------------

// A place is a bundle's folder, or the address of a served log. To tlog it is what serves tiles.
type place struct {
	base  string
	tiles map[string][]byte // those read before: what a path names never changes
}

func (p *place) isServed() bool {
	return strings.HasPrefix(p.base, "http://") || strings.HasPrefix(p.base, "https://")
}

func (p *place) Height() int { return height }

func (p *place) SaveTiles([]tlog.Tile, [][]byte) {}

func (p *place) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		path := tilePath(tile)
		data, found := p.tiles[path]
		if !found {
			var err error
			if data, err = p.read(path); err != nil {
				return nil, err
			}
			p.tiles[path] = data
		}
		all = append(all, data)
	}
	return all, nil
}

// tilePath is the path of C2SP, which leaves out the height: it is always 8.
func tilePath(tile tlog.Tile) string {
	return "tile/" + strings.TrimPrefix(tile.Path(), "tile/8/")
}

// checkTiles has the library read every hash of every tile and compare them with the root. Releases
// before x/mod 0.40.0 overlook some tiles here (CVE-2026-56865), so nothing rests on this alone: each
// hash stands once more in the proofs that checkEntries folds up to the root.
func checkTiles(tree tlog.Tree, hashes tlog.HashReader) error {
	for level := 0; tree.N>>level > 0; level += height {
		for first := int64(0); first < tree.N>>level; first += width {
			var indexes []int64
			for n := first; n < first+width && n < tree.N>>level; n++ {
				indexes = append(indexes, tlog.StoredHashIndex(level, n))
			}
			if _, err := hashes.ReadHashes(indexes); err != nil {
				return by("tlog", fmt.Sprintf("tile %d of level %d", first/width, level/height), err)
			}
		}
	}
	return nil
}

// entryTiles returns the tiles of level 0; entries and content are grouped like them.
func entryTiles(size int64) []tlog.Tile {
	var tiles []tlog.Tile
	for n := int64(0); n*width < size; n++ {
		tile := tlog.Tile{H: height, N: n, W: width}
		if rest := size - n*width; rest < width {
			tile.W = int(rest)
		}
		tiles = append(tiles, tile)
	}
	return tiles
}

// entries takes the entry tiles apart: lengths of two bytes, and bytes.
func (p *place) entries(size int64) ([][]byte, error) {
	var all [][]byte
	for _, tile := range entryTiles(size) {
		path := "tile/entries/" + strings.TrimPrefix(tilePath(tile), "tile/0/")
		data, err := p.read(path)
		if err != nil {
			return nil, err
		}
		for n := 0; n < tile.W; n++ {
			if len(data) < 2 || len(data)-2 < int(binary.BigEndian.Uint16(data)) {
				return nil, glue(path, "it ends in the middle of an entry")
			}
			end := 2 + int(binary.BigEndian.Uint16(data))
			all = append(all, data[2:end])
			data = data[end:]
		}
		if len(data) > 0 {
			return nil, glue(path, "it has more than %d entries", tile.W)
		}
	}
	return all, nil
}

// checkEntries proves that each entry is the leaf of its place.
func checkEntries(entries [][]byte, tree tlog.Tree, hashes tlog.HashReader) error {
	for n, entry := range entries {
		proof, err := tlog.ProveRecord(tree.N, int64(n), hashes)
		if err == nil {
			err = tlog.CheckRecord(proof, tree.N, tree.Hash, int64(n), tlog.RecordHash(entry))
		}
		if err != nil {
			return by("tlog", position(n), err)
		}
	}
	return nil
}

// checkProofFiles checks the proofs that stand on their own (C2SP tlog-proof).
func (p *place) checkProofFiles(entries [][]byte, signer note.Verifier) error {
	paths, err := filepath.Glob(filepath.Join(p.base, "proofs/inclusion/*.tlog-proof"))
	if err != nil || len(paths) == 0 {
		return glue("proofs/inclusion", "there is none")
	}
	for _, path := range paths {
		name := "proofs/inclusion/" + filepath.Base(path)
		data, err := p.read(name)
		if err != nil {
			return err
		}
		if err := checkProofFile(name, string(data), entries, signer); err != nil {
			return err
		}
	}
	return nil
}

func checkProofFile(name, text string, entries [][]byte, signer note.Verifier) error {
	top, msg, found := strings.Cut(text, "\n\n")
	lines := strings.Split(top, "\n")
	if !found || len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" {
		return glue(name, "this is no proof of C2SP's form")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	if err != nil || index < 0 || index >= int64(len(entries)) {
		return glue(name, "%q names no entry", lines[1])
	}
	var proof tlog.RecordProof
	for _, line := range lines[2:] {
		one, err := tlog.ParseHash(line)
		if err != nil {
			return by("tlog", name, err)
		}
		proof = append(proof, one)
	}
	head, err := open(name, []byte(msg), signer)
	if err != nil {
		return err
	}
	leaf := tlog.RecordHash(entries[index])
	if err := tlog.CheckRecord(proof, head.N, head.Hash, index, leaf); err != nil {
		return by("tlog", name, err)
	}
	return nil
}

// --- content: glue from here on -----------------------------------------------

var kinds = map[string]bool{"EDIT": true, "IMPORT": true, "MERGE": true, "REVERT": true, "REDACTION": true, "REVIEW": true, "ACCESS": true}

type subtree struct {
	Count int
	Root  string
}

type entry struct {
	V, Kind, RecordedAt string
	Position            int64
	Public, Restricted  []string
	Revisions           subtree
	Targets             *subtree
}

type document struct {
	Record             string
	Version            int64
	Prev               *int64
	Public, Restricted []string
}

type content struct {
	Header    []string
	Position  int64
	Revisions []struct {
		Disclosures []string
		Document    json.RawMessage
	}
	Targets []json.RawMessage
}

// A target names one disclosure; so does a gap, which is one that is absent.
type target struct {
	Position int64
	Scope    string
	Version  int64 // 0 in a header
	Digest   string
}

type held struct{ version, position int64 }

// A ledger is what has to be remembered while reading on.
type ledger struct {
	audience    string
	latest      string
	records     map[string]held
	gaps        map[target]bool // true where it is restricted
	disclosures int
	redacted    int
}

func (p *place) checkContent(entries [][]byte) (string, error) {
	var about struct{ Audience string }
	if err := p.readJSON("bundle.json", &about); err != nil {
		return "", err
	}
	if about.Audience != "PUBLIC" && about.Audience != "AUDITOR" {
		return "", glue("bundle.json", "unknown audience %q", about.Audience)
	}
	l := ledger{audience: about.Audience, records: map[string]held{}, gaps: map[target]bool{}}
	for _, tile := range entryTiles(int64(len(entries))) {
		whole := tlog.Tile{H: height, N: tile.N, W: width}
		path := "content/" + strings.TrimPrefix(tilePath(whole), "tile/0/") + ".jsonl"
		next := int(tile.N * width)
		last := next + tile.W
		err := p.eachLine(path, func(line []byte) error {
			if next == last {
				return glue(path, "it has more than %d lines", tile.W)
			}
			next++
			return l.check(next-1, entries[next-1], line)
		})
		if err != nil {
			return "", err
		}
		if next != last {
			return "", glue(path, "it ends before position %d", next+1)
		}
	}
	return l.finish()
}

// check looks at one changeset. position counts from 1, n from 0.
func (l *ledger) check(n int, body, line []byte) error {
	var e entry
	var c content
	if err := json.Unmarshal(body, &e); err != nil {
		return by("glue", position(n), err)
	}
	if err := json.Unmarshal(line, &c); err != nil {
		return by("glue", position(n), err)
	}
	if e.V != "corrigenda-entry/1" || !kinds[e.Kind] {
		return glue(position(n), "unknown version %q or kind %q", e.V, e.Kind)
	}
	if e.Position != int64(n+1) || c.Position != e.Position {
		return glue(position(n), "entry and content say positions %d and %d", e.Position, c.Position)
	}
	if e.RecordedAt < l.latest { // all of one form, so text compares like time
		return glue(position(n), "recorded at %s, before the entry in front of it", e.RecordedAt)
	}
	l.latest = e.RecordedAt
	if err := l.open(target{e.Position, "header", 0, ""}, c.Header, e.Public, e.Restricted); err != nil {
		return err
	}
	var documents []json.RawMessage
	for _, revision := range c.Revisions {
		documents = append(documents, revision.Document)
	}
	if err := e.Revisions.check(n, "revision documents", documents); err != nil {
		return err
	}
	for _, revision := range c.Revisions {
		if err := l.step(e.Position, revision.Document, revision.Disclosures); err != nil {
			return err
		}
	}
	if (e.Kind == "REDACTION") != (e.Targets != nil) || (e.Targets == nil && c.Targets != nil) {
		return glue(position(n), "a redaction has targets, and nothing else has")
	}
	if e.Targets == nil {
		return nil
	}
	if err := e.Targets.check(n, "targets", c.Targets); err != nil {
		return err
	}
	return l.redact(e.Position, c.Targets)
}

// check compares documents with the subtree that an entry commits to.
func (s subtree) check(n int, what string, documents []json.RawMessage) error {
	if s.Count != len(documents) {
		return glue(position(n), "%d %s, but the entry says %d", len(documents), what, s.Count)
	}
	root := tlog.Hash(sha256.Sum256(nil))
	if len(documents) > 0 {
		var stored []tlog.Hash
		read := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
			var found []tlog.Hash
			for _, index := range indexes {
				found = append(found, stored[index])
			}
			return found, nil
		})
		for i, one := range documents {
			hashes, err := tlog.StoredHashes(int64(i), one, read)
			if err != nil {
				return by("tlog", position(n), err)
			}
			stored = append(stored, hashes...)
		}
		var err error
		if root, err = tlog.TreeHash(int64(len(documents)), read); err != nil {
			return by("tlog", position(n), err)
		}
	}
	if hex.EncodeToString(root[:]) != s.Root {
		return glue(position(n), "the %s do not hash into the root of the entry", what)
	}
	return nil
}

// step checks that a revision follows the version before it, and opens its content.
func (l *ledger) step(at int64, data []byte, disclosures []string) error {
	var d document
	if err := json.Unmarshal(data, &d); err != nil {
		return by("glue", position(int(at-1)), err)
	}
	before, prev := l.records[d.Record], int64(0)
	if d.Prev != nil {
		prev = *d.Prev
	}
	if d.Version != before.version+1 || prev != before.position || prev == at {
		return glue(position(int(at-1)), "%s: version %d after position %d, but version %d stands at %d",
			d.Record, d.Version, prev, before.version, before.position)
	}
	l.records[d.Record] = held{d.Version, at}
	return l.open(target{at, d.Record, d.Version, ""}, disclosures, d.Public, d.Restricted)
}

// open matches disclosures with the digests of the place where they stand, and notes the gaps.
func (l *ledger) open(place target, disclosures, public, restricted []string) error {
	where := fmt.Sprintf("position %d, %s", place.Position, place.Scope)
	absent := map[string]bool{}
	for _, digest := range public {
		absent[digest] = false
	}
	for _, digest := range restricted {
		absent[digest] = true
	}
	for _, disclosure := range disclosures {
		data, err := base64.RawURLEncoding.Strict().DecodeString(disclosure)
		if err != nil {
			return by("glue", where, err)
		}
		var parts []any
		if err := json.Unmarshal(data, &parts); err != nil || len(parts) != 3 {
			return glue(where, "a disclosure is not [salt, name, value]")
		}
		sum := sha256.Sum256([]byte(disclosure))
		digest := base64.RawURLEncoding.EncodeToString(sum[:])
		isRestricted, found := absent[digest]
		if !found {
			return glue(where, "%v is not what was logged: no digest for this disclosure", parts[1])
		}
		if isRestricted && l.audience == "PUBLIC" {
			return glue(where, "%v is restricted, and this bundle is for the public", parts[1])
		}
		delete(absent, digest)
		l.disclosures++
	}
	for digest, isRestricted := range absent {
		place.Digest = digest
		l.gaps[place] = isRestricted
	}
	return nil
}

// redact closes the gaps that a redaction names. What it names and is there is shown in spite of it.
func (l *ledger) redact(at int64, targets []json.RawMessage) error {
	for _, data := range targets {
		var t target
		if err := json.Unmarshal(data, &t); err != nil {
			return by("glue", position(int(at-1)), err)
		}
		if _, found := l.gaps[t]; !found || t.Position >= at {
			return glue(position(int(at-1)), "it redacts %s at position %d, which is shown, or never was there",
				t.Digest, t.Position)
		}
		delete(l.gaps, t)
		l.redacted++
	}
	return nil
}

// finish applies rule R: what is absent was redacted, or is withheld from this audience.
func (l *ledger) finish() (string, error) {
	var missing []target
	withheld := 0
	for gap, isRestricted := range l.gaps {
		if isRestricted && l.audience == "PUBLIC" {
			withheld++
		} else {
			missing = append(missing, gap)
		}
	}
	if len(missing) > 0 {
		sort.Slice(missing, func(i, j int) bool { return missing[i].Position < missing[j].Position })
		first := missing[0]
		return "", glue(fmt.Sprintf("position %d, %s", first.Position, first.Scope),
			"the disclosure of %s is missing, and no redaction names it", first.Digest)
	}
	return fmt.Sprintf("%d disclosures match, %d redacted, %d restricted, withheld",
		l.disclosures, l.redacted, withheld), nil
}

// --- files --------------------------------------------------------------------

func (p *place) read(name string) ([]byte, error) {
	if p.isServed() {
		return fetch(strings.TrimSuffix(p.base, "/") + "/" + name)
	}
	data, err := os.ReadFile(filepath.Join(p.base, name))
	if errors.Is(err, os.ErrNotExist) {
		return nil, glue(name, "this file is missing")
	}
	return data, err
}

func fetch(url string) ([]byte, error) {
	answer, err := http.Get(url)
	if err != nil {
		return nil, by("glue", url, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, glue(url, "%s", answer.Status)
	}
	return io.ReadAll(answer.Body)
}

func (p *place) readJSON(name string, into any) error {
	data, err := p.read(name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return by("glue", name, err)
	}
	return nil
}

func (p *place) eachLine(name string, do func([]byte) error) error {
	data, err := p.read(name)
	if err != nil {
		return err
	}
	for len(data) > 0 {
		line, rest, found := bytes.Cut(data, []byte("\n"))
		if !found {
			return glue(name, "its last line has no end")
		}
		if err := do(line); err != nil {
			return err
		}
		data = rest
	}
	return nil
}

func position(n int) string { return fmt.Sprintf("position %d", n+1) }
