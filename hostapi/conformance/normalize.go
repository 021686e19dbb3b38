package conformance

import (
	"errors"
	"unicode/utf8"

	"github.com/kvasir-cache/kvasir/hostapi"
)

var normalizeChecks = []check{
	{name: "normalize: the empty text has a normal form", role: hostapi.RoleNormalize, run: always((*kit).normalizeEmpty)},
	{name: "normalize: every text has a normal form, in UTF-8", role: hostapi.RoleNormalize, run: always((*kit).normalizeAll)},
	{name: "normalize: a normal form is its own normal form", role: hostapi.RoleNormalize, run: always((*kit).normalizeTwice)},
	{name: "normalize: the same text has the same normal form", role: hostapi.RoleNormalize, run: always((*kit).normalizeAgain)},
	{name: "normalize: another instance says the same", role: hostapi.RoleNormalize, run: (*kit).normalizeOther},
	{name: "normalize: 1 MiB is no harm", role: hostapi.RoleNormalize, run: always((*kit).normalizeLarge)},
	{name: "normalize: what is no UTF-8 is refused", role: hostapi.RoleNormalize, run: always((*kit).normalizeBroken), host: true},
}

// normal returns a normal form, or notes why there is none.
func (k *kit) normal(p hostapi.Plugin, text string) (string, bool) {
	out, err := p.Normalize(k.ctx, text)
	switch {
	case err != nil:
		k.failf("%s: got error %v", quote(text), err)
	case !utf8.ValidString(out):
		k.failf("%s: got %s, which is not valid UTF-8", quote(text), quote(out))
	case len(out) > hostapi.MaxText:
		k.failf("%s: got %d bytes, at most %d are allowed", quote(text), len(out), hostapi.MaxText)
	default:
		return out, true
	}
	return "", false
}

func (k *kit) normalizeEmpty() { k.normal(k.plugin, "") }

func (k *kit) normalizeAll() {
	for _, text := range k.texts {
		k.normal(k.plugin, text)
	}
}

func (k *kit) normalizeTwice() {
	for _, text := range append(k.texts, "") {
		once, ok := k.normal(k.plugin, text)
		if !ok {
			continue
		}
		if twice, ok := k.normal(k.plugin, once); ok && twice != once {
			k.failf("%s: the normal form is %s, and that of it %s", quote(text), quote(once), quote(twice))
		}
	}
}

// normalizeAgain asks in another order the second time, so that what one call leaves behind shows in the
// next.
func (k *kit) normalizeAgain() {
	k.sameNormalForms(k.plugin, "got %[2]s, and later %[3]s")
}

func (k *kit) normalizeOther() string {
	return k.withOther(func(other hostapi.Plugin) {
		k.sameNormalForms(other, "one instance says %[2]s, another %[3]s")
	})
}

func (k *kit) sameNormalForms(other hostapi.Plugin, difference string) {
	first := make([]string, len(k.texts))
	for i, text := range k.texts {
		first[i], _ = k.normal(k.plugin, text)
	}
	for i := len(k.texts) - 1; i >= 0; i-- {
		if again, ok := k.normal(other, k.texts[i]); ok && again != first[i] {
			k.failf("%[1]s: "+difference, quote(k.texts[i]), quote(first[i]), quote(again))
		}
	}
}

// tired reports an error that a plugin may give about a very large input.
func tired(err error) bool {
	return errors.Is(err, hostapi.ErrBudget) || errors.Is(err, hostapi.ErrFailed)
}

// normalizeLarge takes a refusal for lack of budget as an answer. Afterwards the plugin works as before.
func (k *kit) normalizeLarge() {
	before, _ := k.normal(k.plugin, "Still here")
	for _, text := range large() {
		out, err := k.plugin.Normalize(k.ctx, text)
		switch {
		case tired(err):
		case err != nil:
			k.failf("%s: got error %v, want a text, ErrBudget or ErrFailed", quote(text), err)
		case !utf8.ValidString(out) || len(out) > hostapi.MaxText:
			k.failf("%s: got %d bytes that are no text a plugin may return", quote(text), len(out))
		}
	}
	if after, ok := k.normal(k.plugin, "Still here"); ok && after != before {
		k.failf("\"Still here\" was %s before and is %s after", quote(before), quote(after))
	}
}

func (k *kit) normalizeBroken() {
	for _, text := range broken {
		if out, err := k.plugin.Normalize(k.ctx, text); err == nil {
			k.failf("%q: got %q, want an error", text, out)
		}
	}
}
