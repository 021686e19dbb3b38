// Package eval measures strategies on labelled data: how often they answer from memory, and how often the
// answer is wrong.
//
//	pairs, err := eval.ReadPairs(f)
//	result, err := eval.RunPairs(ctx, strategy, pairs, nil)
//	report := &eval.Report{Data: "pairs.tsv", Strategies: []*eval.Result{result}}
//	err = report.WriteText(os.Stdout)
//
// Pairs are judged one by one; a stream of requests is replayed through a cache in memory. Nothing is asked
// of a model, and no store on disk is touched.
package eval
