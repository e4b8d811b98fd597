// Checks the proofs that `sarkmeli audit prove` prints by an implementation that is not ours: a JSON object a line.
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type proof struct {
	Key        string   `json:"key"`
	Checkpoint string   `json:"checkpoint"`
	Old        string   `json:"old"`
	Index      int64    `json:"index"`
	Leaf       []byte   `json:"leaf"`
	Proof      [][]byte `json:"proof"`
}

func main() {
	in := json.NewDecoder(os.Stdin)
	for {
		var given proof
		if err := in.Decode(&given); err == io.EOF {
			return
		} else if err != nil {
			fmt.Println("unreadable:", err)
			os.Exit(1)
		}
		if err := check(given); err != nil {
			fmt.Println("refused:", err)
		} else {
			fmt.Println("ok")
		}
	}
}

func check(given proof) error {
	size, root, err := open(given.Checkpoint, given.Key)
	if err != nil {
		return err
	}
	var hashes []tlog.Hash
	for _, each := range given.Proof {
		if len(each) != tlog.HashSize {
			return fmt.Errorf("a hash of %d bytes", len(each))
		}
		hashes = append(hashes, toArray(each))
	}
	if given.Old == "" {
		return tlog.CheckRecord(hashes, size, root, given.Index, tlog.RecordHash(given.Leaf))
	}
	oldSize, oldRoot, err := open(given.Old, given.Key)
	if err != nil {
		return err
	}
	return tlog.CheckTree(hashes, size, root, oldSize, oldRoot)
}

func open(text, key string) (size int64, root tlog.Hash, err error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return 0, root, err
	}
	opened, err := note.Open([]byte(text), note.VerifierList(verifier))
	if err != nil {
		return 0, root, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return 0, root, fmt.Errorf("no checkpoint")
	}
	if size, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return 0, root, err
	}
	hash, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || len(hash) != tlog.HashSize {
		return 0, root, fmt.Errorf("no root")
	}
	return size, toArray(hash), nil
}

func toArray(bytes []byte) (hash tlog.Hash) {
	copy(hash[:], bytes)
	return hash
}
