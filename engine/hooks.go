package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/keyspace"
)

// Hooks have a say in what the cache does. Methods may be called from many goroutines.
type Hooks interface {
	// Wants reports whether anybody is to be asked about events of this kind.
	Wants(hook hostapi.Role) bool
	// Ask returns what all hooks say together; a hook that fails has no opinion.
	Ask(ctx context.Context, e *hostapi.Event) hostapi.Decision
}

// wants reports whether a hook of this kind is there.
func (e *Engine) wants(hook hostapi.Role) bool {
	return e.options.Hooks != nil && e.options.Hooks.Wants(hook)
}

// askLookup asks whether the cache is to be asked at all.
func (e *Engine) askLookup(ctx context.Context, q *Query) (d hostapi.Decision) {
	if !e.wants(hostapi.RoleOnLookup) {
		return d
	}
	return e.options.Hooks.Ask(ctx, e.event(hostapi.RoleOnLookup, q))
}

// askHit asks whether an entry may serve, and returns why not.
func (e *Engine) askHit(ctx context.Context, q *Query, found *Found, id keyspace.ID, entry *keyspace.Entry) (rejected bool, reason string) {
	if !e.wants(hostapi.RoleOnHit) {
		return false, ""
	}
	event := e.event(hostapi.RoleOnHit, q)
	event.Entry = e.entryEvent(id, entry)
	event.Entry.Kind, event.Entry.Score = string(found.Kind), found.Score
	d := e.options.Hooks.Ask(ctx, event)
	return d.Accept != nil && !*d.Accept, d.Reason
}

// askMiss asks what may be resumed.
func (e *Engine) askMiss(ctx context.Context, q *Query, found *Found) {
	if !e.wants(hostapi.RoleOnMiss) {
		return
	}
	event := e.event(hostapi.RoleOnMiss, q)
	event.Miss = &hostapi.Miss{Reason: found.Reason}
	d := e.options.Hooks.Ask(ctx, event)
	found.Restore = Restore{Never: d.Resume != nil && !*d.Resume}
	if d.MaxRestoredTokens != nil {
		found.Restore.Limited, found.Restore.Tokens = true, *d.MaxRestoredTokens
	}
}

// askStore asks how an answer is to be stored. It reports whether it is to be, and whether the model's state
// may be saved; never for an answer that is not stored.
func (e *Engine) askStore(ctx context.Context, q *Query, r *Result, entry *keyspace.Entry) (stored, state bool) {
	if !e.wants(hostapi.RoleOnStore) {
		return true, true
	}
	event := e.event(hostapi.RoleOnStore, q)
	event.Result = &hostapi.Result{
		Answer: hostapi.Cut(r.Text), FinishReason: string(r.FinishReason), CostMS: milliseconds(entry.Cost),
		PromptTokens: r.Usage.PromptTokens, CompletionTokens: r.Usage.CompletionTokens,
	}
	d := e.options.Hooks.Ask(ctx, event)
	if d.Store != nil && !*d.Store || d.TTLMS != nil && *d.TTLMS == 0 {
		e.options.Logger.Info("the answer is not stored", "hook", d.Reason)
		return false, false
	}
	if d.TTLMS != nil {
		expires := entry.Created + *d.TTLMS*int64(time.Millisecond)
		if entry.Expires == 0 || expires < entry.Expires {
			entry.Expires = expires
		}
	}
	if d.Topic != nil {
		entry.Topic = *d.Topic
	}
	entry.Tags = d.Tags
	return true, d.SaveState == nil || *d.SaveState
}

// askEvict asks whether an entry is to be spared while others can go.
func (e *Engine) askEvict(ctx context.Context, id keyspace.ID, entry *keyspace.Entry, cause string) (keep bool) {
	event := &hostapi.Event{
		Hook: hostapi.RoleOnEvict, Model: modelName(ModelID(entry.Model)), Topic: entry.Topic, Cause: cause,
		Strategy: e.options.Strategy, // an entry belongs to none
		Request:  hostapi.Request{Prompt: hostapi.Cut(entry.Prompt), PromptBytes: len(entry.Prompt)},
		Entry:    e.entryEvent(id, entry),
	}
	d := e.options.Hooks.Ask(ctx, event)
	return d.Keep != nil && *d.Keep
}

func (e *Engine) event(hook hostapi.Role, q *Query) *hostapi.Event {
	r := q.Request
	event := &hostapi.Event{
		Hook: hook, Tenant: q.Tenant, Model: modelName(q.Model), Topic: q.Topic, Strategy: e.strategyOf(q),
		Request: hostapi.Request{Messages: len(r.Messages), MaxTokens: r.MaxTokens, Temperature: float64(r.Sampling.Temperature)},
	}
	prompt := r.Prompt
	for _, m := range r.Messages {
		switch {
		case m.Role == base.RoleUser:
			prompt = m.Content
		case m.Role == base.RoleSystem && event.Request.System == "":
			event.Request.System = hostapi.Cut(m.Content)
		}
	}
	event.Request.Prompt, event.Request.PromptBytes = hostapi.Cut(prompt), len(prompt)
	return event
}

func (e *Engine) entryEvent(id keyspace.ID, entry *keyspace.Entry) *hostapi.Entry {
	now, uses := e.options.Now(), e.usesOf(id)
	shown := &hostapi.Entry{
		ID: id.String(), Prompt: hostapi.Cut(entry.Prompt), Answer: hostapi.Cut(entry.Answer), Topic: entry.Topic, Tags: entry.Tags,
		AgeMS: now.Sub(moment(entry.Created)).Milliseconds(), Uses: uses.Count, CostMS: milliseconds(entry.Cost),
		IdleMS: now.Sub(moment(max(entry.Created, uses.Last))).Milliseconds(),
		Bytes:  len(entry.Prompt) + len(entry.Answer) + len(entry.Request),
	}
	if entry.Expires != 0 {
		shown.TTLMS = max(1, moment(entry.Expires).Sub(now).Milliseconds())
	}
	return shown
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func modelName(id ModelID) string { return id.String() }

// because joins what the cache did with the reason that a hook gave for it.
func because(what, reason string) string {
	if reason == "" {
		return what
	}
	return fmt.Sprintf("%s: %s", what, reason)
}
