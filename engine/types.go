package engine

import (
	"time"

	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/fingerprint"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

// The words of package base that callers need.
type (
	Request  = base.Request
	Result   = base.Result
	Chunk    = base.Chunk
	Decision = base.Decision
)

// ModelID identifies a model by its content, chat template, adapters and RoPE overrides.
type ModelID = fingerprint.ID

// Query is a request as the cache is asked about it.
type Query struct {
	Tenant  string // empty is a tenant like any other
	Model   ModelID
	Request *Request
	Topic   string // what the answer belongs to when it is stored; a hook may say otherwise
	// Strategy names the strategy that decides what is alike; empty means that of Options, and "exact" serves
	// exactly equal requests only. A hook may say otherwise.
	Strategy string
	Control  Control `json:",omitzero"`
}

// check refuses a query that asks nothing.
func (q *Query) check() error {
	if q == nil || q.Request == nil {
		return &base.Error{Sentinel: base.ErrInvalid, Message: "the query has no request"}
	}
	return nil
}

// Found is what a lookup found.
type Found struct {
	Decision
	Result *Result       // for ActionAnswer: as it was when remembered
	Stored time.Time     // for ActionAnswer: when it was remembered
	Cost   time.Duration // for ActionAnswer: what the inference had cost
	Stale  bool          // for ActionAnswer: it is past its time, and to be inferred anew

	Strategy string  // that counted: a hook's, else the query's, else that of Options
	Topic    string  // for all but ActionAnswer, and where Stale: what a hook said the request belongs to, else the query's
	Restore  Restore // for all but ActionAnswer: what a hook said of saved state
}

// Restore bounds what an inference may restore of saved state. The zero value bounds nothing.
type Restore struct {
	Never   bool
	Limited bool
	Tokens  int // most of them, where Limited
}

// Entry is a stored answer as the commands that list and show entries see it.
type Entry struct {
	ID           string            `json:"id"`
	System       string            `json:"system,omitempty"`   // the first system message
	Messages     int               `json:"messages,omitempty"` // in the conversation that Prompt ends; 0 for plain text
	Prompt       string            `json:"prompt"`
	Answer       string            `json:"answer"`
	FinishReason base.FinishReason `json:"finish_reason"`
	Topic        string            `json:"topic,omitempty"`
	Tags         []string          `json:"tags,omitempty"`
	Model        string            `json:"model"`
	Usage        base.Usage        `json:"usage"`
	Cost         time.Duration     `json:"cost_ns"`
	Created      time.Time         `json:"created"`
	Expires      time.Time         `json:"expires,omitzero"`
	Uses         uint64            `json:"uses"`
	LastUse      time.Time         `json:"last_use,omitzero"`
	Pinned       bool              `json:"pinned,omitempty"`
	Tenant       string            `json:"tenant,omitempty"` // where List and Get know it
}

func entryOf(id keyspace.ID, e *keyspace.Entry, u keyspace.Uses) Entry {
	system, messages := conversation(e)
	return Entry{
		ID: id.String(), System: system, Messages: messages, Prompt: e.Prompt, Answer: e.Answer, FinishReason: e.FinishReason,
		Topic: e.Topic, Tags: e.Tags, Model: fingerprint.ID(e.Model).String(), Usage: e.Usage, Cost: e.Cost,
		Created: moment(e.Created), Expires: moment(e.Expires), Uses: u.Count, LastUse: moment(u.Last), Pinned: u.Worth.Pinned,
	}
}

// conversation returns the first system message before a prompt, and how many messages there are.
func conversation(e *keyspace.Entry) (system string, messages int) {
	r, err := fingerprint.ParseCanonical(e.Request, e.Prompt)
	if err != nil {
		return "", 0
	}
	for _, m := range r.Messages {
		if m.Role == base.RoleSystem {
			system = m.Content
			break
		}
	}
	return system, len(r.Messages)
}

// moment is the time of stored nanoseconds; 0 is no time.
func moment(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

func resultOf(e *keyspace.Entry) *Result {
	return &Result{
		Text: e.Answer, PromptTokens: e.PromptTokens, Tokens: e.Tokens, FinishReason: e.FinishReason,
		StopString: e.StopString, Usage: e.Usage, Timings: e.Timings,
	}
}
