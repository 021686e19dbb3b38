package ngram

// Scores returns for each candidate the Jaccard score of its set of grams and the query's. It gives the
// same numbers as Jaccard, but sorts nothing.
func (s Spec) Scores(query string, candidates []string) []float32 {
	s.mustCheck()
	sc := getScratch()
	defer putScratch(sc)

	scores := make([]float32, len(candidates))
	sc.query = s.appendIDs(sc.query[:0], query, sc)
	room := len(sc.query)
	size := sc.table.reset(sc.query, room)
	for i, c := range candidates {
		sc.grams = s.appendIDs(sc.grams[:0], c, sc)
		if len(sc.grams) > room {
			room = 2 * len(sc.grams)
			sc.table.reset(sc.query, room)
		}
		distinct, common := sc.table.count(sc.grams)
		scores[i] = float32(float64(common) / float64(size+distinct-common))
	}
	return scores
}
