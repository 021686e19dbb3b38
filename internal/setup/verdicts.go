package setup

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/cachedir"
)

// Verdict is what a check of a model's saved state found on this machine.
type Verdict struct {
	State      engine.StateID `json:"-"`
	Holds      bool           `json:"holds"`      // see base.StateCheck.Holds
	Difference float64        `json:"difference"` // largest of a logit, resumed and cold, with nothing else in work
	Checked    time.Time      `json:"checked"`
}

// verdictOf judges a check.
func verdictOf(id engine.StateID, c *base.StateCheck) Verdict {
	return Verdict{State: id, Holds: c.Holds(), Difference: c.Difference, Checked: time.Now().UTC().Truncate(time.Second)}
}

// maxVerdicts bounds what is kept; the oldest go.
const maxVerdicts = 64

// verdicts are kept in a file of the cache folder, by state. What is lost is found out again.
type verdicts map[string]Verdict

func verdictsPath() (string, error) { return cachedir.Path("state-checks.json") }

// readVerdicts returns none where the file is missing or cannot be read.
func readVerdicts() verdicts {
	path, err := verdictsPath()
	if err != nil {
		return verdicts{}
	}
	data, err := os.ReadFile(path)
	all := verdicts{}
	if err != nil || json.Unmarshal(data, &all) != nil {
		return verdicts{}
	}
	return all
}

// lastVerdict returns the verdict on a state, if it was ever checked here.
func lastVerdict(id engine.StateID) (v Verdict, ok bool) {
	v, ok = readVerdicts()[id.String()]
	v.State = id
	return v, ok
}

// keep writes a verdict down. Of two processes at once, one may write over what the other wrote.
func (v Verdict) keep() error {
	path, err := verdictsPath()
	if err != nil {
		return err
	}
	all := readVerdicts()
	all[v.State.String()] = v
	for len(all) > maxVerdicts {
		delete(all, all.oldest())
	}
	data, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return replaceFile(path, append(data, '\n'))
}

func (all verdicts) oldest() (id string) {
	for name, v := range all {
		if id == "" || v.Checked.Before(all[id].Checked) {
			id = name
		}
	}
	return id
}

// replaceFile puts data at path in one step, for this user alone.
func replaceFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		if gone := os.Remove(f.Name()); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return err
}
