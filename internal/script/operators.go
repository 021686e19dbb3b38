package script

import (
	"fmt"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

type builtin = func(*starlark.Thread, *starlark.Builtin, starlark.Tuple, []starlark.Tuple) (starlark.Value, error)

// operators are the guarded functions that stand for operators, by the names the rewritten file calls
// them by. No file can spell these names.
func operators() starlark.StringDict {
	guards := starlark.StringDict{
		guardNone:  starlark.None,
		guardAdd:   starlark.NewBuiltin("+=", addInPlace),
		guardUnite: starlark.NewBuiltin("|=", uniteInPlace),
		guardSlice: starlark.NewBuiltin("slice", slice),
		guardKey:   starlark.NewBuiltin("key", key),
		guardArgs:  starlark.NewBuiltin("*args", spreadArgs),
	}
	for token := range binaryOps {
		guards[operatorName(token)] = starlark.NewBuiltin(token.String(), binary(token))
	}
	for token := range comparisons {
		guards[operatorName(token)] = starlark.NewBuiltin(token.String(), compare(token))
	}
	return guards
}

const (
	guardAdd   = "operator +="
	guardUnite = "operator |="
	guardSlice = "operator [:]"
	guardKey   = "operator []"
	guardArgs  = "operator *args"
	guardNone  = "operator None"
)

func operatorName(token syntax.Token) string { return "operator " + token.String() }

// binaryOps are the guarded operators but comparisons, with what each charges for operands that are not
// both numbers of at most 63 bits, or with a fraction.
var binaryOps = map[syntax.Token]func(a *account, x, y starlark.Value) error{
	syntax.PLUS:       chargeSum,
	syntax.MINUS:      chargeSets,
	syntax.STAR:       chargeProduct,
	syntax.SLASH:      chargeNothing,
	syntax.SLASHSLASH: chargeNothing,
	syntax.PERCENT:    chargeFormat,
	syntax.AMP:        chargeSets,
	syntax.PIPE:       chargeSets,
	syntax.CIRCUMFLEX: chargeSets,
	syntax.LTLT:       chargeNothing,
	syntax.GTGT:       chargeNothing,
	syntax.IN:         chargeSearch,
	syntax.NOT_IN:     chargeSearch,
}

func binary(op syntax.Token) builtin {
	charge := binaryOps[op]
	return func(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		x, y := args[0], args[1]
		if !isSmall(x) || !isSmall(y) {
			a := accountOf(t)
			if err := a.work(bigWork * int64(bitsOf(x)+bitsOf(y))); err != nil {
				return nil, err
			}
			if err := charge(a, x, y); err != nil {
				return nil, err
			}
		}
		return checkBits(starlark.Binary(op, x, y))
	}
}

// bigWork is how many bytes could be copied while a big number is worked on, for each of its bits.
const bigWork = 4

func bitsOf(v starlark.Value) int {
	if i, ok := v.(starlark.Int); ok {
		return bits(i)
	}
	return 0
}

// isSmall reports whether v is a number whose operators take no time worth to charge for.
func isSmall(v starlark.Value) bool {
	switch v := v.(type) {
	case starlark.Float:
		return true
	case starlark.Int:
		_, ok := v.Int64()
		return ok
	}
	return false
}

func checkBits(v starlark.Value, err error) (starlark.Value, error) {
	if i, ok := v.(starlark.Int); ok && bits(i) > maxBits {
		return nil, fmt.Errorf("a number has more than %d bits", maxBits)
	}
	return v, err
}

func chargeNothing(*account, starlark.Value, starlark.Value) error { return nil }

func chargeSum(a *account, x, y starlark.Value) error { return a.take(sizeOf(x) + sizeOf(y)) }

// chargeSets charges for what joins or takes apart two sets or dicts, whose elements have been hashed.
func chargeSets(a *account, x, y starlark.Value) error {
	return a.take(4 * (sizeOf(x) + sizeOf(y)))
}

func chargeProduct(a *account, x, y starlark.Value) error {
	n, sequence := x, y
	if _, ok := n.(starlark.Int); !ok {
		n, sequence = y, x
	}
	i, ok := n.(starlark.Int)
	if !ok {
		return nil // not defined
	}
	if _, ok := sequence.(starlark.Int); ok {
		return nil // the result is checked
	}
	times, ok := i.Int64()
	if !ok {
		return nil // not defined
	}
	return a.takeTimes(max(times, 0), sizeOf(sequence))
}

// chargeFormat charges for format % values. Without names each value is written once.
func chargeFormat(a *account, x, y starlark.Value) error {
	format, ok := x.(starlark.String)
	if !ok {
		return nil
	}
	weight, err := a.weigh(y)
	if err != nil {
		return err
	}
	times := int64(1)
	if strings.Contains(string(format), "%(") {
		times = int64(strings.Count(string(format), "%("))
	}
	if err := a.take(2 * int64(len(format))); err != nil {
		return err
	}
	return a.write(times, weight)
}

const (
	quoted  = 5  // bytes a byte may become when a value is written out
	writing = 16 // bytes that could be copied while one is written out
)

// write charges for writing out values of a weight, several times.
func (a *account) write(times, weight int64) error {
	if err := a.takeTimes(times, quoted*weight); err != nil {
		return err
	}
	return a.work(writing * times * weight) // no overflow: it was taken
}

// chargeSearch charges for x in y.
func chargeSearch(a *account, x, y starlark.Value) error {
	switch y := y.(type) {
	case starlark.String, starlark.Bytes:
		return a.work(sizeOf(y))
	case *starlark.List, starlark.Tuple:
		_, err := a.weigh(x, y)
		return err
	}
	_, err := a.weigh(x) // it is hashed
	return err
}

// sizeOf returns how many bytes v has without what is in it.
func sizeOf(v starlark.Value) int64 {
	switch v := v.(type) {
	case starlark.String:
		return int64(len(v))
	case starlark.Bytes:
		return int64(len(v))
	case *starlark.List:
		return cell * int64(v.Len())
	case starlark.Tuple:
		return cell * int64(v.Len())
	case starlark.Sequence:
		return element * int64(v.Len())
	}
	return cell
}

var comparisons = map[syntax.Token]bool{
	syntax.EQL: true, syntax.NEQ: true, syntax.LT: true, syntax.LE: true, syntax.GT: true, syntax.GE: true,
}

func compare(op syntax.Token) builtin {
	return func(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
		x, y := args[0], args[1]
		if isContainer(x) && isContainer(y) {
			if _, err := accountOf(t).weigh(x, y); err != nil {
				return nil, err
			}
		} else if s, ok := x.(starlark.String); ok {
			if err := accountOf(t).work(int64(len(s))); err != nil {
				return nil, err
			}
		}
		ok, err := starlark.Compare(op, x, y)
		return starlark.Bool(ok), err
	}
}

func isContainer(v starlark.Value) bool {
	switch v.(type) {
	case starlark.Sequence, starlark.Bytes:
		return true
	}
	return false
}

// addInPlace is x += y, which extends a list where it is.
func addInPlace(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	list, ok := args[0].(*starlark.List)
	if _, iterable := args[1].(starlark.Iterable); !ok || !iterable {
		return binary(syntax.PLUS)(t, b, args, nil)
	}
	return inPlace(t, list, "extend", args[1])
}

// uniteInPlace is x |= y, which adds to a dict where it is.
func uniteInPlace(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	dict, ok := args[0].(*starlark.Dict)
	if _, isDict := args[1].(*starlark.Dict); !ok || !isDict {
		return binary(syntax.PIPE)(t, b, args, nil)
	}
	return inPlace(t, dict, "update", args[1])
}

func inPlace(t *starlark.Thread, x starlark.HasAttrs, method string, y starlark.Value) (starlark.Value, error) {
	_, err := callMethod(t, x, method, starlark.Tuple{y}, nil)
	return x, err
}

// key guards what is hashed or used as an index.
func key(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	switch k := args[0].(type) {
	case starlark.Int:
		return k, nil
	case starlark.String:
		return k, accountOf(t).work(int64(len(k)))
	}
	_, err := accountOf(t).weigh(args[0])
	return args[0], err
}

// spreadArgs guards f(*args) and f(**kwargs).
func spreadArgs(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	return args[0], accountOf(t).take(4 * sizeOf(args[0]))
}

// slice is x[from:to:step].
func slice(t *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	x, ok := args[0].(starlark.Sliceable)
	if !ok {
		return nil, fmt.Errorf("invalid slice operand %s", args[0].Type())
	}
	from, to, step, err := bounds(x.Len(), args[1], args[2], args[3])
	if err != nil {
		return nil, err
	}
	if n := int64(x.Len()); n > 0 && (step != 1 || !isText(x)) {
		if err := accountOf(t).takeTimes(int64(to-from)/int64(step)+1, (sizeOf(x)+n-1)/n); err != nil {
			return nil, err
		}
	}
	return x.Slice(from, to, step), nil
}

func isText(v starlark.Value) bool {
	switch v.(type) {
	case starlark.String, starlark.Bytes:
		return true
	}
	return false
}

// bounds returns where a slice of n elements begins, ends and in which steps it goes.
func bounds(n int, lo, hi, by starlark.Value) (from, to, step int, err error) {
	if step, err = indexOr(by, 1); err != nil || step == 0 {
		return 0, 0, 0, fmt.Errorf("invalid slice step: want a number other than 0")
	}
	first, last := 0, n // the defaults, and what indices are clamped to
	if step < 0 {
		first, last = n-1, -1
	}
	least, most := min(first, last), max(first, last)
	if from, err = position(lo, n, first, least, most); err != nil {
		return 0, 0, 0, fmt.Errorf("invalid start index: %w", err)
	}
	if to, err = position(hi, n, last, least, most); err != nil {
		return 0, 0, 0, fmt.Errorf("invalid end index: %w", err)
	}
	if step > 0 {
		return from, max(from, to), step, nil
	}
	return max(from, to), to, step, nil
}

func position(v starlark.Value, n, fallback, least, most int) (int, error) {
	if v == starlark.None {
		return fallback, nil
	}
	i, err := starlark.AsInt32(v)
	if i < 0 {
		i += n
	}
	return min(max(i, least), most), err
}

func indexOr(v starlark.Value, fallback int) (int, error) {
	if v == starlark.None {
		return fallback, nil
	}
	return starlark.AsInt32(v)
}
