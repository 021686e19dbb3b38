package setup

import "github.com/kvasir-cache/kvasir/internal/wasmhost"

// meteredModule shows what the runtime counts of a module.
type meteredModule struct{ *wasmhost.Plugin }

func (m meteredModule) Metrics() map[string]float64 {
	s := m.Stats()
	metrics := map[string]float64{
		"steps": float64(s.Steps), "instances": float64(s.Instances), "instances_started": float64(s.Started),
		"instances_discarded": float64(s.Discarded), "memory_bytes": float64(s.Memory),
	}
	for name, v := range s.Metrics {
		metrics["own."+name] = v
	}
	return metrics
}
