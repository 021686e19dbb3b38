package script

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"unicode/utf8"

	"go.starlark.net/starlark"

	"github.com/kvasir-cache/kvasir/hostapi"
	"github.com/kvasir-cache/kvasir/internal/textfold"
)

// maxLines is how many log lines a call may write. The rest is dropped.
const maxLines = 16

// What native functions cost, in bytes of work for each byte of text. Measured: see the benchmarks.
const (
	foldWork     = 8  // of ASCII
	foldWideWork = 64 // of other text
	gramWork     = 96 // for each n
	scoreWork    = 32 // for each n
)

// library are the functions that scripts have beside those of the language.
func library(log *slog.Logger) starlark.StringDict {
	return starlark.StringDict{
		"text_fold":     starlark.NewBuiltin("text_fold", textFold),
		"ngrams":        starlark.NewBuiltin("ngrams", ngrams),
		"ngram_jaccard": starlark.NewBuiltin("ngram_jaccard", ngramJaccard),
		"log":           starlark.NewBuiltin("log", logger(log)),
	}
}

// textFold is text_fold(text, nfc=, nfkc=, case=, space=, diacritics=).
func textFold(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var text string
	var nfc, nfkc, fold, space, diacritics bool
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "text", &text,
		"nfc?", &nfc, "nfkc?", &nfkc, "case?", &fold, "space?", &space, "diacritics?", &diacritics); err != nil {
		return nil, err
	}
	a, size := accountOf(t), int64(len(text))
	if err := a.take(size); err != nil {
		return nil, err
	}
	if err := a.work(foldCost(text)); err != nil {
		return nil, err
	}
	if size > hostapi.MaxText {
		return nil, fmt.Errorf("text_fold: the text has %d bytes, at most %d are allowed", size, hostapi.MaxText)
	}
	folded := textfold.Fold(text, flagsOf(nfc, nfkc, fold, space, diacritics))
	return starlark.String(folded), a.take(int64(len(folded)))
}

func foldCost(text string) int64 {
	for i := 0; i < len(text); i++ {
		if text[i] >= utf8.RuneSelf {
			return foldWideWork * int64(len(text))
		}
	}
	return foldWork * int64(len(text))
}

func flagsOf(given ...bool) textfold.Flags {
	var f textfold.Flags
	for i, on := range given {
		if on {
			f |= 1 << i
		}
	}
	return f
}

// ngrams is ngrams(text, unit="char", n=(2, 3)).
func ngrams(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var text string
	unit, n := "char", defaultN
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "text", &text, "unit?", &unit, "n?", &n); err != nil {
		return nil, err
	}
	spec, err := specOf(unit, n)
	if err != nil {
		return nil, fmt.Errorf("ngrams: %w", err)
	}
	a, grams64 := accountOf(t), int64(len(text))*int64(spec.Max-spec.Min+1)
	if err := a.take(8 * grams64); err != nil {
		return nil, err
	}
	if err := a.work(gramWork * grams64); err != nil {
		return nil, err
	}
	return grams(spec.AppendSet(nil, text)), nil
}

var defaultN starlark.Value = starlark.Tuple{starlark.MakeInt(2), starlark.MakeInt(3)}

// ngramJaccard is ngram_jaccard(query, candidates, unit="char", n=(2, 3)).
func ngramJaccard(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var query string
	var candidates starlark.Value
	unit, n := "char", defaultN
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "query", &query, "candidates", &candidates, "unit?", &unit, "n?", &n); err != nil {
		return nil, err
	}
	spec, err := specOf(unit, n)
	if err != nil {
		return nil, fmt.Errorf("ngram_jaccard: %w", err)
	}
	a := accountOf(t)
	weight, err := a.weigh(starlark.String(query), candidates)
	if err != nil {
		return nil, err
	}
	list, err := stringsOf(candidates)
	if err != nil {
		return nil, fmt.Errorf("ngram_jaccard: %w", err)
	}
	if err := a.take(weight); err != nil {
		return nil, err
	}
	if err := a.work(scoreWork * weight * int64(spec.Max-spec.Min+1)); err != nil {
		return nil, err
	}
	return floatList(spec.Scores(query, list)), nil
}

func stringsOf(v starlark.Value) ([]string, error) {
	list, ok := v.(starlark.Sequence)
	if !ok {
		return nil, fmt.Errorf("candidates: got %s, want a list of texts", v.Type())
	}
	all := make([]string, 0, list.Len())
	for v := range starlark.Elements(list) {
		text, ok := starlark.AsString(v)
		if !ok {
			return nil, fmt.Errorf("candidates: one is of type %s, want a text", v.Type())
		}
		all = append(all, text)
	}
	return all, nil
}

func floatList(scores []float32) *starlark.List {
	values := make([]starlark.Value, len(scores))
	for i, s := range scores {
		values[i] = starlark.Float(s)
	}
	return starlark.NewList(values)
}

var levels = map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
}

// logger is log(msg, level="info").
func logger(log *slog.Logger) builtin {
	return func(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		var message starlark.Value
		level := "info"
		if err := starlark.UnpackArgs(b.Name(), args, kwargs, "msg", &message, "level?", &level); err != nil {
			return nil, err
		}
		l, ok := levels[level]
		if !ok {
			return nil, fmt.Errorf("log: level %q, want debug, info, warn or error", cutMessage(level))
		}
		text, err := joined(t, starlark.Tuple{message})
		if err != nil {
			return nil, err
		}
		writeLine(accountOf(t), log, l, text)
		return starlark.None, nil
	}
}

func writeLine(a *account, log *slog.Logger, level slog.Level, text string) {
	if a.lines--; a.lines >= 0 {
		log.Log(context.WithoutCancel(a.ctx), level, cutMessage(text), "script", a.thread.Name)
	}
}

// cutMessage bounds a text that is shown to people, and makes it valid UTF-8.
func cutMessage(text string) string {
	return strings.ToValidUTF8(text[:min(len(text), hostapi.MaxMessage)], "?")
}
