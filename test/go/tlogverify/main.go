// Tlogverify checks a ledger with the code that Go itself checks its module mirror with, and none of ours: the
// checkpoint's signature, the inclusion of one record, and that an older checkpoint is of the same log. It reads a C2SP
// tlog-tiles directory and answers with one line of JSON; it ends with 1 and says why when something is not so.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight  = 8
	bundleWidth = 1 << tileHeight
)

type checkpoint struct {
	origin string
	tree   tlog.Tree
}

type answer struct {
	Origin string          `json:"origin"`
	Size   int64           `json:"size"`
	Root   string          `json:"root"`
	Index  int64           `json:"index"`
	Leaf   string          `json:"leaf"`
	Proof  int             `json:"proof"`
	Record json.RawMessage `json:"record"`
	// The size of the older checkpoint that this log continues.
	Continues int64 `json:"continues,omitempty"`
}

func main() {
	log := flag.String("log", "", "the log's `directory`: checkpoint and tile/")
	key := flag.String("key", "", "verifier `key`: <name>+<hash>+<base64>")
	index := flag.Int64("index", 0, "the record's `number`")
	older := flag.String("older", "", "a `file` with an older checkpoint of the log")
	flag.Parse()
	found, err := verify(*log, *key, *index, *older)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		os.Exit(1)
	}
}

func verify(log, key string, index int64, older string) (*answer, error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return nil, fmt.Errorf("reading the key: %w", err)
	}
	now, err := open(filepath.Join(log, "checkpoint"), verifier)
	if err != nil {
		return nil, err
	}
	// The reader checks every tile that it is given against the root.
	hashes := tlog.TileHashReader(now.tree, tiles{log})
	entry, err := readEntry(log, index, now.tree.N)
	if err != nil {
		return nil, err
	}
	leaf := tlog.RecordHash(entry)
	proof, err := tlog.ProveRecord(now.tree.N, index, hashes)
	if err != nil {
		return nil, fmt.Errorf("proving record %d: %w", index, err)
	}
	if err := tlog.CheckRecord(proof, now.tree.N, now.tree.Hash, index, leaf); err != nil {
		return nil, fmt.Errorf("checking record %d: %w", index, err)
	}
	found := &answer{
		Origin: now.origin, Size: now.tree.N, Root: now.tree.Hash.String(),
		Index: index, Leaf: leaf.String(), Proof: len(proof), Record: entry,
	}
	if older == "" {
		return found, nil
	}
	before, err := open(older, verifier)
	if err != nil {
		return nil, err
	}
	if before.origin != now.origin {
		return nil, fmt.Errorf("comparing checkpoints of %s and %s", before.origin, now.origin)
	}
	tree, err := tlog.ProveTree(now.tree.N, before.tree.N, hashes)
	if err != nil {
		return nil, fmt.Errorf("proving that %d continues %d: %w", now.tree.N, before.tree.N, err)
	}
	if err := tlog.CheckTree(tree, now.tree.N, now.tree.Hash, before.tree.N, before.tree.Hash); err != nil {
		return nil, fmt.Errorf("checking that %d continues %d: %w", now.tree.N, before.tree.N, err)
	}
	found.Continues = before.tree.N
	return found, nil
}

func open(path string, verifier note.Verifier) (*checkpoint, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	opened, err := note.Open(text, note.VerifierList(verifier))
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", filepath.Base(path), err)
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return nil, errors.New("reading the checkpoint: it is not of three lines")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return nil, fmt.Errorf("reading the checkpoint: %w", err)
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return nil, errors.New("reading the checkpoint: its root is no hash")
	}
	return &checkpoint{lines[0], tlog.Tree{N: size, Hash: tlog.Hash(root)}}, nil
}

// tiles reads a C2SP directory: Go's own paths name the height too ("tile/8/0/000"), these do not ("tile/0/000").
type tiles struct{ log string }

func (tiles) Height() int { return tileHeight }

func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	found := make([][]byte, len(wanted))
	for i, tile := range wanted {
		path := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", tileHeight), "tile/", 1)
		data, err := os.ReadFile(filepath.Join(t.log, path))
		if err != nil {
			return nil, err
		}
		found[i] = data
	}
	return found, nil
}

func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// readEntry reads one entry from its bundle: 16-bit big-endian lengths, each followed by so many bytes.
func readEntry(log string, index, size int64) ([]byte, error) {
	if index < 0 || index >= size {
		return nil, fmt.Errorf("reading record %d of a log of %d", index, size)
	}
	bundle := tlog.Tile{H: tileHeight, L: -1, N: index / bundleWidth, W: bundleWidth}
	if end := size - bundle.N*bundleWidth; end < bundleWidth {
		bundle.W = int(end)
	}
	path := strings.Replace(bundle.Path(), fmt.Sprintf("tile/%d/data/", tileHeight), "tile/entries/", 1)
	data, err := os.ReadFile(filepath.Join(log, path))
	if err != nil {
		return nil, err
	}
	for at := int64(0); ; at++ {
		if len(data) < 2 || len(data)-2 < int(binary.BigEndian.Uint16(data)) {
			return nil, fmt.Errorf("reading record %d: its bundle is cut", index)
		}
		length := int(binary.BigEndian.Uint16(data))
		if at == index%bundleWidth {
			return data[2 : 2+length], nil
		}
		data = data[2+length:]
	}
}
