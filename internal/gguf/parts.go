package gguf

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strconv"
)

// partName matches the file names llama.cpp gives the parts of a split model.
var partName = regexp.MustCompile(`^(.*)-(\d{5})-of-(\d{5})\.gguf$`)

// Parts returns the paths of all files of a model in order: of a split model, given its first part
// NAME-00001-of-0000N.gguf, every part; of any other path, the path itself. It checks that the
// parts exist. Errors wrap base.ErrModel.
func Parts(path string) ([]string, error) {
	m := partName.FindStringSubmatch(path)
	if m == nil {
		return []string{path}, nil
	}
	number, _ := strconv.Atoi(m[2]) // five digits
	count, _ := strconv.Atoi(m[3])
	if number < 1 || number > count {
		return nil, refuse("", "model %q is named part %d of %d", path, number, count)
	}
	if number != 1 {
		return nil, refuse("give "+partPath(m[1], 1, count), "model %q is part %d of a split model, which is loaded by its first part", path, number)
	}
	return existing(m[1], count)
}

func partPath(name string, number, count int) string {
	return fmt.Sprintf("%s-%05d-of-%05d.gguf", name, number, count)
}

func existing(name string, count int) ([]string, error) {
	var list []string
	for i := range count {
		path := partPath(name, i+1, count)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%w: %w", refuse("put all parts of the model in one folder",
				"part %d of %d of the split model is missing: %q", i+1, count, path), fs.ErrNotExist)
		} else if err != nil {
			return nil, openFailed(path, err)
		}
		list = append(list, path)
	}
	return list, nil
}
