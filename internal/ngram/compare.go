package ngram

// Jaccard returns how many hashes are in both sets, of those in either, in [0,1]. Both are ascending,
// each hash once. Two empty sets have 0: nothing is known of either.
func Jaccard(a, b []uint64) float64 {
	n := common(a, b)
	if n == 0 {
		return 0
	}
	return float64(n) / float64(len(a)+len(b)-n)
}

// Containment returns how many hashes of q are in c too, of those in q, in [0,1]. Both are ascending,
// each hash once. An empty q has 0.
func Containment(q, c []uint64) float64 {
	if len(q) == 0 {
		return 0
	}
	return float64(common(q, c)) / float64(len(q))
}

// common returns how many hashes are in both sets. The steps are written without branches on the
// data, which no processor could predict.
func common(a, b []uint64) int {
	n, i, j := 0, 0, 0
	for i < len(a) && j < len(b) {
		x, y := a[i], b[j]
		n += one(x == y)
		i += one(x <= y)
		j += one(y <= x)
	}
	return n
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}
