package process

import (
	"fmt"
	"time"

	pb "github.com/kvasir-cache/kvasir/hostapi/process/inferencepb"
	"github.com/kvasir-cache/kvasir/internal/base"
)

func encodeStateInfo(i base.StateInfo) *pb.StateInfo {
	return &pb.StateInfo{Supported: i.Supported, Class: utf8Text(i.Class), Reason: utf8Text(i.Reason), TokenBytes: i.TokenBytes}
}

func decodeStateInfo(m *pb.StateInfo) base.StateInfo {
	return base.StateInfo{Supported: m.GetSupported(), Class: m.GetClass(), Reason: m.GetReason(), TokenBytes: m.GetTokenBytes()}
}

func encodePlan(p *base.StatePlan) *pb.StatePlan {
	return &pb.StatePlan{
		Dir:                   []byte(p.Dir),
		Secret:                p.Secret[:],
		Id:                    p.ID[:],
		Seed:                  p.Seed[:],
		Restore:               each(p.Restore, func(n int) int64 { return int64(n) }),
		Save:                  p.Save,
		MinPrefillNanoseconds: int64(p.MinPrefill),
		SaveAnswer:            p.SaveAnswer,
		Near:                  p.Near,
		Sealed:                p.Sealed,
	}
}

// decodePlan returns the plan in m, without Done. A plan whose keys have another length is refused.
func decodePlan(m *pb.StatePlan) (*base.StatePlan, error) {
	p := &base.StatePlan{
		Dir:        string(m.GetDir()),
		Restore:    each(m.GetRestore(), func(n int64) int { return int(n) }),
		Save:       m.GetSave(),
		MinPrefill: time.Duration(m.GetMinPrefillNanoseconds()),
		SaveAnswer: m.GetSaveAnswer(),
		Near:       m.GetNear(),
		Sealed:     m.GetSealed(),
	}
	for _, f := range []struct {
		name string
		to   *[32]byte
		from []byte
	}{{"secret", &p.Secret, m.GetSecret()}, {"id", &p.ID, m.GetId()}, {"seed", &p.Seed, m.GetSeed()}} {
		if len(f.from) != len(f.to) {
			return nil, &base.Error{Sentinel: base.ErrInvalid, Message: fmt.Sprintf("the %s of a state plan has %d bytes, not %d", f.name, len(f.from), len(f.to))}
		}
		copy(f.to[:], f.from)
	}
	return p, nil
}

func encodeReport(r *base.StateReport) *pb.StateReport {
	return &pb.StateReport{
		Restored:           int64(r.Restored),
		Computed:           int64(r.Computed),
		RestoreNanoseconds: int64(r.Restore),
		PrefillNanoseconds: int64(r.Prefill),
		Origin:             string(r.Origin),
		Bad: each(r.Bad, func(b base.BadChunk) *pb.BadChunk {
			return &pb.BadChunk{Key: b.Key[:], Reason: utf8Text(b.Reason)}
		}),
		Saved: each(r.Saved, func(c base.SavedChunk) *pb.SavedChunk {
			return &pb.SavedChunk{
				Key: c.Key[:], Parent: c.Parent[:], From: int64(c.From), Tokens: c.Tokens, Origin: string(c.Origin),
				Temp: []byte(c.Temp), Bytes: c.Bytes, CostNanoseconds: int64(c.Cost),
			}
		}),
		Trouble: utf8Text(r.Trouble),
	}
}

func decodeReport(m *pb.StateReport) *base.StateReport {
	return &base.StateReport{
		Restored: int(m.GetRestored()),
		Computed: int(m.GetComputed()),
		Restore:  time.Duration(m.GetRestoreNanoseconds()),
		Prefill:  time.Duration(m.GetPrefillNanoseconds()),
		Origin:   base.Origin(m.GetOrigin()),
		Bad: each(m.GetBad(), func(b *pb.BadChunk) base.BadChunk {
			return base.BadChunk{Key: key(b.GetKey()), Reason: b.GetReason()}
		}),
		Saved: each(m.GetSaved(), func(c *pb.SavedChunk) base.SavedChunk {
			return base.SavedChunk{
				Key: key(c.GetKey()), Parent: key(c.GetParent()), From: int(c.GetFrom()), Tokens: c.GetTokens(),
				Origin: base.Origin(c.GetOrigin()), Temp: string(c.GetTemp()), Bytes: c.GetBytes(),
				Cost: time.Duration(c.GetCostNanoseconds()),
			}
		}),
		Trouble: m.GetTrouble(),
	}
}

// key returns the key in b. Bytes that are none make one that no chunk has.
func key(b []byte) (k [32]byte) {
	if len(b) == len(k) {
		copy(k[:], b)
	}
	return k
}

func encodeCheck(c *base.StateCheck) *pb.StateCheck {
	return &pb.StateCheck{
		Identical: c.Identical, Difference: c.Difference, Busy: c.Busy, Cold: c.Cold,
		Trials: each(c.Trials, func(t base.StateTrial) *pb.StateTrial {
			return &pb.StateTrial{Length: int64(t.Length), Resumed: int64(t.Resumed), Busy: t.Busy, Identical: t.Identical, Difference: t.Difference}
		}),
		TookNanoseconds: int64(c.Took),
	}
}

func decodeCheck(m *pb.StateCheck) *base.StateCheck {
	return &base.StateCheck{
		Identical: m.GetIdentical(), Difference: m.GetDifference(), Busy: m.GetBusy(), Cold: m.GetCold(),
		Trials: each(m.GetTrials(), func(t *pb.StateTrial) base.StateTrial {
			return base.StateTrial{Length: int(t.GetLength()), Resumed: int(t.GetResumed()), Busy: t.GetBusy(), Identical: t.GetIdentical(), Difference: t.GetDifference()}
		}),
		Took: time.Duration(m.GetTookNanoseconds()),
	}
}
