//go:build llama && linux

package main

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/blob"
	"github.com/kvasir-cache/kvasir/internal/fingerprint"
)

// dataEnv names the folder with recorded conversations, chats/*.jsonl.
const dataEnv = "KVASIR_DATA"

// conversation is a line of such a file: messages, or questions about a document.
type conversation struct {
	Messages  []base.Message `json:"messages"`
	Document  string         `json:"document"`
	Questions []string       `json:"questions"`
}

// prompts returns what a model is asked in a conversation, in order.
func (c *conversation) prompts() (list [][]base.Message) {
	for _, q := range c.Questions {
		list = append(list, []base.Message{{Role: base.RoleUser, Content: c.Document + "\n\n" + q}})
	}
	for i, m := range c.Messages {
		if m.Role != base.RoleSystem && m.Role != base.RoleAssistant {
			list = append(list, c.Messages[:i+1])
		}
	}
	return list
}

// TestEndToEnd_RestoresWhatAnUnlimitedStoreOfBlocksWould replays recorded conversations, one after the other, against
// saved state as it is kept with room for all of it: real tokens, chunk files and records, and no inference. The share
// of the tokens of prompts that is restored is held against that of a store that forgets nothing and finds every
// block of 64 tokens of earlier prompts: with all saved at first use, and by default with a model that takes 3 ms a token.
func TestEndToEnd_RestoresWhatAnUnlimitedStoreOfBlocksWould(t *testing.T) {
	data := os.Getenv(dataEnv)
	if data == "" {
		t.Skipf("%s does not name the folder of the recorded conversations", dataEnv)
	}
	host := startHost(t, base.LoadOptions{Parallel: 1})
	for _, name := range []string{"tool_agent", "document_questions", "oasst_trees", "mtbench101"} {
		prompts := tokensOf(t, host, filepath.Join(data, "chats", name+".jsonl"))
		for kind, perToken := range map[string]time.Duration{"at once": time.Second, "3 ms a token": 3 * time.Millisecond} {
			t.Run(name+", "+kind, func(t *testing.T) { replayStream(t, host, prompts, perToken) })
		}
	}
}

// tokensOf returns the prompts of a file as atlas reads them.
func tokensOf(t *testing.T, host base.Host, path string) (prompts [][]base.Token) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Skip(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var c conversation
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for _, messages := range c.prompts() {
			text, err := host.ApplyTemplate(t.Context(), messages)
			var tokens []base.Token
			if err == nil {
				tokens, err = host.Tokenize(t.Context(), text, true)
			}
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			prompts = append(prompts, tokens)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return prompts
}

func replayStream(t *testing.T, host base.StateHost, prompts [][]base.Token, perToken time.Duration) {
	info, err := host.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.Open(engine.Options{Dir: t.TempDir(), FlushInterval: time.Millisecond, State: engine.StateOptions{Answers: engine.AnswersOff}})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	total, restored, blocks, known := 0, 0, 0, map[blob.Key]bool{}
	for _, tokens := range prompts {
		total += len(tokens)
		blocks += sharedBlocks(known, tokens)
		q := &engine.StateQuery{State: fingerprint.StateID(info), Tokens: tokens}
		lease, err := e.Resume(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		restored += lease.Restored
		if lease.ID == 0 {
			continue
		}
		if _, err := e.Settle(t.Context(), lease.ID, written(t, lease, tokens, perToken), true); err != nil {
			t.Fatal(err)
		}
	}
	share, of := 100*float64(restored)/float64(total), 100*float64(blocks)/float64(total)
	t.Logf("%d prompts, %d tokens: %.1f %% restored, by an unlimited store of blocks %.1f %%", len(prompts), total, share, of)
	if share < of-3 {
		t.Errorf("%.1f %% of the tokens are restored, more than 3 points below the %.1f %% of a store of blocks", share, of)
	}
}

// sharedBlocks returns how many first tokens of a prompt are blocks of 64 that earlier prompts began with, and learns
// those of this one.
func sharedBlocks(known map[blob.Key]bool, tokens []base.Token) (shared int) {
	key, all := blob.Key{}, true
	for from := 0; from+base.ChunkTokens <= len(tokens); from += base.ChunkTokens {
		key = blob.NextKey(key, tokens[from:from+base.ChunkTokens])
		if all = all && known[key]; all {
			shared += base.ChunkTokens
		}
		known[key] = true
	}
	return shared
}

// written is the report of a host that reads a prompt at a rate, with small chunk files where the rest belongs.
func written(t *testing.T, l *engine.Lease, tokens []base.Token, perToken time.Duration) *base.StateReport {
	t.Helper()
	computed := len(tokens) - l.Restored
	report := &base.StateReport{Restored: l.Restored, Computed: computed, Prefill: perToken * time.Duration(computed), Origin: l.Origin}
	if !l.Plan.Save || report.Prefill < l.Plan.MinPrefill {
		return report
	}
	full := l.Restored / base.ChunkTokens * base.ChunkTokens
	parent, end := blob.Key(l.Plan.Seed), (len(tokens)-2)/4*4
	for from := 0; from < end; from += base.ChunkTokens {
		to := min(from+base.ChunkTokens, len(tokens))
		if to-from < base.ChunkTokens {
			to = end
		}
		key := blob.NextKey(parent, tokens[from:to])
		if from >= full {
			h := blob.Header{ID: l.Plan.ID, Key: key, From: from, Tokens: to - from, Origin: base.OriginPrefill}
			temp, size, err := blob.Write(l.Plan.Dir, &l.Plan.Secret, &h, []byte("state"))
			if err != nil {
				t.Fatal(err)
			}
			report.Saved = append(report.Saved, base.SavedChunk{Key: key, Parent: parent, From: from, Tokens: tokens[from:to],
				Origin: base.OriginPrefill, Temp: temp, Bytes: size, Cost: perToken * time.Duration(to-from)})
		}
		parent = key
	}
	return report
}
