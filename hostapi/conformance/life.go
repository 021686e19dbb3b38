package conformance

import (
	"errors"
	"fmt"
	"sync"

	"github.com/kvasir-cache/kvasir/hostapi"
)

var lifeChecks = []check{
	{name: "calls at the same time are answered as calls by themselves", run: always((*kit).concurrent)},
	{name: "manifest: it has not changed", run: always((*kit).manifestStays)},
	{name: "close: a closed plugin says ErrClosed", run: always((*kit).closed)},
}

// withOther loads the plugin once more for a comparison.
func (k *kit) withOther(compare func(other hostapi.Plugin)) (skipped string) {
	if k.options.Again == nil {
		return "there is no second instance to compare"
	}
	other, err := k.options.Again()
	if err != nil {
		k.failf("it cannot be loaded again: %v", err)
		return ""
	}
	defer other.Close()
	compare(other)
	return ""
}

const goroutines, rounds = 8, 20

// concurrent makes calls from many goroutines and compares their answers to those of single calls. A plugin
// may say ErrBusy.
func (k *kit) concurrent() {
	var calls []func() (string, error)
	for _, text := range k.texts[:12] {
		calls = append(calls, k.callsAbout(text)...)
	}
	want := make([]string, len(calls))
	for i, call := range calls {
		answer, err := call()
		if err != nil {
			k.failf("got error %v", err)
			return
		}
		want[i] = answer
	}
	var group sync.WaitGroup
	found := make(chan string, goroutines)
	for g := range goroutines {
		group.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					found <- fmt.Sprintf("it panicked: %v", p)
				}
			}()
			for i := range rounds {
				n := (g*7 + i) % len(calls)
				answer, err := calls[n]()
				if err != nil && !errors.Is(err, hostapi.ErrBusy) || err == nil && answer != want[n] {
					found <- fmt.Sprintf("got %s, error %v, want %s", quote(answer), err, quote(want[n]))
					return
				}
			}
		})
	}
	group.Wait()
	close(found)
	for problem := range found {
		k.failf("%s", problem)
	}
}

// callsAbout returns a call for each role of the plugin. Hooks may answer two calls differently, so only
// their errors count.
func (k *kit) callsAbout(text string) []func() (string, error) {
	p := k.plugin
	var calls []func() (string, error)
	for _, r := range p.Manifest().Roles {
		calls = append(calls, func() (string, error) {
			switch r {
			case hostapi.RoleNormalize:
				return p.Normalize(k.ctx, text)
			case hostapi.RoleFeatures:
				sets, err := p.Features(k.ctx, []string{text, text + "x"})
				return fmt.Sprint(sets), err
			case hostapi.RoleScore:
				scores, err := p.Score(k.ctx, text, []string{text + "x", "y" + text})
				return fmt.Sprint(scores), err
			}
			_, err := p.Hook(k.ctx, about(r, text))
			return "", err
		})
	}
	return calls
}

func (k *kit) manifestStays() {
	if text, err := encode(k.plugin.Manifest()); err != nil || string(text) != k.manifestText {
		k.failf("got %s, %v, and at first %s", text, err, k.manifestText)
	}
}

func (k *kit) closed() {
	for range 2 {
		if err := k.plugin.Close(); err != nil {
			k.failf("Close: got error %v", err)
		}
	}
	for _, r := range k.plugin.Manifest().Roles {
		if err := k.ask(k.plugin, r); !errors.Is(err, hostapi.ErrClosed) {
			k.failf("%s after Close: got error %v, want ErrClosed", r, err)
		}
	}
}
