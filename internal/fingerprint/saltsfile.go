package fingerprint

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/kvasir-cache/kvasir/internal/base"
)

// The first and the last line of a salts file. The last one shows that nothing is missing.
const (
	saltsFirst = "kvasir salts 1"
	saltsLast  = "end"
)

const saltsName = "salts"

func saltsPath(dir string) string { return filepath.Join(dir, saltsName) }

// encodeSalts writes a line for each tenant, in order of their names.
func encodeSalts(salts map[string]Salt) []byte {
	var b strings.Builder
	b.WriteString(saltsFirst + "\n")
	for _, tenant := range slices.Sorted(maps.Keys(salts)) {
		b.WriteString(strconv.QuoteToASCII(tenant) + " " + salts[tenant].hex() + "\n")
	}
	b.WriteString(saltsLast + "\n")
	return []byte(b.String())
}

// readSalts reads a salts file. No file is no salts.
func readSalts(path string, sealer Sealer) (map[string]Salt, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]Salt{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("salts: %w", err)
	}
	if err := checkPrivate(path, info.Mode()); err != nil {
		return nil, err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("salts: %w", err)
	}
	if sealer != nil {
		if content, err = sealer.OpenFile(saltsName, content); err != nil {
			return nil, fmt.Errorf("salts %q: %w: %w", path, ErrMalformed, err)
		}
	}
	salts, err := parseSalts(string(content))
	if err != nil {
		return nil, fmt.Errorf("salts %q: %w", path, err)
	}
	return salts, nil
}

// checkPrivate refuses a file that somebody else may have read or written.
func checkPrivate(path string, mode fs.FileMode) error {
	if !mode.IsRegular() {
		return fmt.Errorf("salts: %q is not a file", path)
	}
	if mode.Perm()&0o077 != 0 {
		return &base.Error{Sentinel: fs.ErrPermission,
			Message: fmt.Sprintf("salts %q have mode %04o; nobody but their owner may have access", path, mode.Perm()),
			Hint:    "chmod 600 " + path}
	}
	return nil
}

// parseSalts reads what encodeSalts wrote, in any order of tenants. Its errors name lines and hold
// nothing of their content.
func parseSalts(content string) (map[string]Salt, error) {
	lines := strings.Split(content, "\n")
	last := len(lines) - 2 // the one before the final line break
	switch {
	case strings.HasPrefix(saltsFirst+"\n"+saltsLast+"\n", content) && last < 1:
		return nil, malformed("truncated in line %d", len(lines))
	case lines[0] != saltsFirst:
		return nil, malformed("line 1 is not %q", saltsFirst)
	case last < 1 || lines[last] != saltsLast || lines[last+1] != "":
		return nil, malformed("truncated: the last line is not %q", saltsLast)
	}
	p := saltsParser{salts: map[string]Salt{}, lines: map[Salt]int{}}
	for i, line := range lines[1:last] {
		if err := p.line(i+2, line); err != nil {
			return nil, err
		}
	}
	return p.salts, nil
}

type saltsParser struct {
	salts map[string]Salt
	lines map[Salt]int // where a salt was seen first
}

func (p *saltsParser) line(number int, line string) error {
	quoted, err := strconv.QuotedPrefix(line)
	if err != nil || quoted[0] != '"' {
		return malformed("line %d does not begin with a tenant in double quotes", number)
	}
	tenant, err := strconv.Unquote(quoted)
	if err != nil {
		return malformed("line %d does not begin with a tenant in double quotes", number)
	}
	digits, spaced := strings.CutPrefix(line[len(quoted):], " ")
	var salt Salt
	if !spaced || !isHex(digits, len(salt)) {
		return malformed("line %d does not have one space and %d lower-case hex digits behind the tenant", number, 2*len(salt))
	}
	if _, err := hex.Decode(salt[:], []byte(digits)); err != nil {
		return malformed("line %d does not hold hex digits", number)
	}
	return p.add(number, tenant, salt)
}

func (p *saltsParser) add(number int, tenant string, salt Salt) error {
	if _, ok := p.salts[tenant]; ok {
		return malformed("line %d names tenant %q a second time", number, tenant)
	}
	if first, ok := p.lines[salt]; ok {
		return malformed("line %d has the salt of line %d; tenants must not share one", number, first)
	}
	p.salts[tenant], p.lines[salt] = salt, number
	return nil
}
