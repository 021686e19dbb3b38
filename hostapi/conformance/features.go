package conformance

import (
	"fmt"
	"slices"

	"github.com/kvasir-cache/kvasir/hostapi"
)

var featuresChecks = []check{
	{name: "features: no text has no set", role: hostapi.RoleFeatures, run: always((*kit).featuresNone)},
	{name: "features: every text has an ascending set", role: hostapi.RoleFeatures, run: always((*kit).featuresAll)},
	{name: "features: a set depends on its text alone", role: hostapi.RoleFeatures, run: always((*kit).featuresAlone)},
	{name: "features: another instance says the same", role: hostapi.RoleFeatures, run: (*kit).featuresOther},
	{name: "features: 1 MiB is no harm", role: hostapi.RoleFeatures, run: always((*kit).featuresLarge)},
	{name: "features: what is no UTF-8 is refused", role: hostapi.RoleFeatures, run: always((*kit).featuresBroken), host: true},
}

// sets returns the sets of texts, or notes what is wrong with them.
func (k *kit) sets(p hostapi.Plugin, texts []string) ([][]uint64, bool) {
	sets, err := p.Features(k.ctx, texts)
	if err == nil {
		err = hostapi.CheckFeatures(sets, len(texts))
	}
	if err != nil {
		k.failf("%d texts, the first %s: got error %v", len(texts), quote(first(texts)), err)
		return nil, false
	}
	return sets, true
}

func first(texts []string) string {
	if len(texts) == 0 {
		return ""
	}
	return texts[0]
}

func (k *kit) featuresNone() { k.sets(k.plugin, nil) }

func (k *kit) featuresAll() {
	k.sets(k.plugin, append([]string{""}, k.texts...))
	k.sets(k.plugin, many(k.texts))
}

// many repeats texts until there are as many as one call may have.
func many(texts []string) []string {
	var all []string
	for i := range hostapi.MaxCandidates {
		text := texts[i%len(texts)]
		all = append(all, text[:min(len(text), 40+i%2)])
	}
	return slices.DeleteFunc(all, invalid)
}

// featuresAlone asks about each text by itself and among others.
func (k *kit) featuresAlone() {
	all, ok := k.sets(k.plugin, k.texts)
	if !ok {
		return
	}
	for i := len(k.texts) - 1; i >= 0; i-- {
		alone, ok := k.sets(k.plugin, k.texts[i:i+1])
		if ok && !slices.Equal(alone[0], all[i]) {
			k.failf("%s: among others %s, alone %s", quote(k.texts[i]), brief(all[i]), brief(alone[0]))
		}
	}
}

// brief shows the beginning of a list.
func brief[N any](list []N) string {
	if len(list) <= 8 {
		return fmt.Sprint(list)
	}
	return fmt.Sprintf("%v… (%d)", list[:8], len(list))
}

func (k *kit) featuresOther() string {
	return k.withOther(func(other hostapi.Plugin) {
		a, ok := k.sets(k.plugin, k.texts)
		b, too := k.sets(other, k.texts)
		for i := 0; ok && too && i < len(a); i++ {
			if !slices.Equal(a[i], b[i]) {
				k.failf("%s: one instance says %s, another %s", quote(k.texts[i]), brief(a[i]), brief(b[i]))
			}
		}
	})
}

func (k *kit) featuresLarge() {
	for _, text := range large() {
		sets, err := k.plugin.Features(k.ctx, []string{text})
		if tired(err) {
			continue
		}
		if err == nil {
			err = hostapi.CheckFeatures(sets, 1)
		}
		if err != nil {
			k.failf("%s: got error %v, want a set, ErrBudget or ErrFailed", quote(text), err)
		}
	}
	k.sets(k.plugin, k.texts[:1])
}

func (k *kit) featuresBroken() {
	for _, text := range broken {
		if _, err := k.plugin.Features(k.ctx, []string{"a", text}); err == nil {
			k.failf("%q: got an answer, want an error", text)
		}
	}
}
