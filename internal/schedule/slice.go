package schedule

import "time"

// alignment is where slices of a prompt begin and end, in tokens. Saved model state is cut at the
// same places, so a resumed prompt is read in the same pieces as a fresh one.
const alignment = 64

// SliceEnd says where the slice ends that begins at token done of a prompt of total tokens, if it
// is to have about limit tokens. Slices end at multiples of 64; the last one takes a remainder of
// fewer than 64 tokens along, since kernels treat short batches differently (a single token goes
// through other code, and flash attention works on rows of 64).
func SliceEnd(done, total, limit int) int {
	end := max((done+limit)/alignment, done/alignment+1) * alignment
	if total-end < alignment {
		return total
	}
	return end
}

// pace chooses how long a slice may be, from the speed seen so far. A slice is the time a newcomer
// or a cancellation waits, so a slow model gets short ones.
type pace struct {
	max  int
	rate float64 // tokens a second, smoothed; 0 before the first slice
}

const (
	aloneSlice  = 1.0 // seconds, when nobody else is in work
	sharedSlice = 0.1 // seconds, when answers under way wait for it
	sharedMax   = 128 // tokens
)

// limit returns a number of tokens, a multiple of 64.
func (p *pace) limit(alone bool) int {
	seconds, most := sharedSlice, min(sharedMax, p.max)
	if alone {
		seconds, most = aloneSlice, p.max
	}
	if p.rate == 0 {
		return min(sharedMax, p.max)
	}
	return min(max(int(p.rate*seconds)/alignment*alignment, alignment), most)
}

func (p *pace) observe(tokens int, took time.Duration) {
	if took <= 0 {
		return
	}
	rate := float64(tokens) / took.Seconds()
	if p.rate == 0 {
		p.rate = rate
	}
	p.rate += (rate - p.rate) / 4
}
