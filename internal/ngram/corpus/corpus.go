// Package corpus makes up stores of prompts for tests and benchmarks, the same ones in every run, and tells what
// the processor spends on them.
package corpus

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// Corpus is a made-up store of prompts: texts of an invented language, each with about a dozen variants as
// people, programs and templates make them. It is the same in every run. Its texts are about as long and
// as unlike as real prompts: the char 2-3-grams of two of similar length have a Jaccard score of about 0.1.
type Corpus struct {
	random *rand.Rand
	words  []string
	zipf   *rand.Zipf
	// Texts are those in the store.
	Texts []string
}

const variantsOfAText = 13

// New makes a corpus of n texts.
func New(n int) *Corpus {
	random := rand.New(rand.NewPCG(20261124, 1))
	c := &Corpus{random: random, words: inventWords(random, 20000)}
	c.zipf = rand.NewZipf(random, 1.2, 30, uint64(len(c.words)-1))
	for len(c.Texts) < n {
		text := c.text()
		c.Texts = append(c.Texts, text)
		for range min(variantsOfAText-1, n-len(c.Texts)) {
			c.Texts = append(c.Texts, c.variant(text))
		}
	}
	return c
}

// Variants returns n new variants of texts of the corpus.
func (c *Corpus) Variants(n int) []string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = c.variant(c.Texts[c.random.IntN(len(c.Texts))])
	}
	return texts
}

// Strangers returns n texts that were not made from texts of the corpus.
func (c *Corpus) Strangers(n int) []string {
	texts := make([]string, n)
	for i := range texts {
		texts[i] = c.text()
	}
	return texts
}

var openings = strings.Fields("what_is_the how_do_i explain please_tell_me write_a why_is can_you list_all_the which who_was " +
	"when_did translate summarize_this: give_me is_there_a how_many describe_the compare fix_the where_can_i_find")

// text makes a text of one to a hundred words, mostly about nine.
func (c *Corpus) text() string {
	words := []string{c.pick(openings)}
	for n := int(6 + 4*c.random.ExpFloat64()*c.random.ExpFloat64()); len(words) < min(n, 100); {
		words = append(words, c.word())
	}
	return strings.ReplaceAll(strings.Join(words, " "), "_", " ")
}

func (c *Corpus) word() string {
	if c.random.IntN(12) == 0 {
		return fmt.Sprint(c.random.IntN(2000))
	}
	return c.words[c.zipf.Uint64()]
}

func (c *Corpus) pick(from []string) string { return from[c.random.IntN(len(from))] }

// variant changes one to three things.
func (c *Corpus) variant(text string) string {
	for range 1 + c.random.IntN(3) {
		text = c.change(text)
	}
	return text
}

func (c *Corpus) change(text string) string {
	words := strings.Fields(text)
	at := c.random.IntN(len(words))
	switch c.random.IntN(8) {
	case 0, 1: // another word
		words[at] = c.word()
	case 2: // a number at the end
		words = append(words, fmt.Sprint(c.random.IntN(2000)))
	case 3: // a word less
		words = append(words[:at:at], words[at+1:]...)
	case 4: // a word more
		words = append(words[:at:at], append([]string{c.word()}, words[at:]...)...)
	case 5: // politeness
		words = append([]string{c.pick([]string{"please", "hi,", "could you", "hello!"})}, words...)
	case 6: // a typo
		words[at] = words[at][:len(words[at])/2] + "e" + words[at][len(words[at])/2:]
	case 7: // a mark
		words[at] += c.pick([]string{",", "?", "!", "."})
	}
	return strings.Join(append(words, c.emptied(words)...), " ")
}

// emptied keeps a text from ending up without words.
func (c *Corpus) emptied(words []string) []string {
	if len(words) > 0 {
		return nil
	}
	return []string{c.word()}
}

// inventWords makes words of one to four syllables, the short ones first, as in languages.
func inventWords(random *rand.Rand, n int) []string {
	first := strings.Fields("b c d f g h l m n p r s t w st tr pr ch th sh pl gr k v j y qu br cl fr _")
	middle := strings.Fields("a e i o u ea ou ai ee a e i o e a i")
	last := strings.Fields("_ _ n r s t l nd st ng ck m d p ll ss rt ct x _ e")
	words := make([]string, n)
	for i := range words {
		var b strings.Builder
		for syllables := 1 + min(i*4/n+random.IntN(2), 3); syllables > 0; syllables-- {
			for _, part := range [][]string{first, middle, last} {
				b.WriteString(part[random.IntN(len(part))])
			}
		}
		words[i] = strings.ReplaceAll(b.String(), "_", "")
	}
	return words
}
