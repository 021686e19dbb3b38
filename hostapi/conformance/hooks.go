package conformance

import (
	"bytes"

	"github.com/kvasir-cache/kvasir/hostapi"
)

var hookChecks = makeHookChecks()

func makeHookChecks() []check {
	var list []check
	for _, hook := range hostapi.Hooks() {
		list = append(list, check{
			name: string(hook) + ": every event gets a decision it may get", role: hook,
			run: always(func(k *kit) { k.decisions(hook) }),
		})
	}
	return list
}

func (k *kit) decisions(hook hostapi.Role) {
	for _, e := range events(hook, k.texts) {
		before, err := encode(e)
		if err != nil {
			k.failf("the event cannot be written: %v", err)
			continue
		}
		d, err := k.plugin.Hook(k.ctx, e)
		if err != nil {
			k.failf("%s: got error %v", quote(string(before)), err)
			continue
		}
		if d != nil {
			if err := d.Check(hook); err != nil {
				k.failf("%s: %v", quote(string(before)), err)
			}
		}
		if after, err := encode(e); err != nil || !bytes.Equal(before, after) {
			k.failf("%s: the event was changed to %s", quote(string(before)), quote(string(after)))
		}
	}
}
