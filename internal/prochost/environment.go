package prochost

import (
	"os"
	"slices"
	"strings"
	"sync"
)

// withheld names the variables that no process gets.
var withheld struct {
	sync.Mutex
	names []string
}

// Withhold keeps environment variables from every process that is started from now on, as those that hold keys. Empty
// names are none.
func Withhold(names ...string) {
	withheld.Lock()
	defer withheld.Unlock()
	for _, name := range names {
		if name != "" && !slices.Contains(withheld.names, name) {
			withheld.names = append(withheld.names, name)
		}
	}
}

// environment is that of this process without what is withheld.
func environment() []string {
	withheld.Lock()
	defer withheld.Unlock()
	return slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(withheld.names, name)
	})
}
