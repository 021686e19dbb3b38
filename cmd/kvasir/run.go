package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/kvasir-cache/kvasir/engine"
	"github.com/kvasir-cache/kvasir/internal/base"
	"github.com/kvasir-cache/kvasir/internal/config"
	"github.com/kvasir-cache/kvasir/internal/setup"
)

// runOptions are the flags of kvasir run.
type runOptions struct {
	streams
	prompt      string
	promptSet   bool
	system      string
	raw         bool
	interactive bool
	json        bool
	verbose     bool
	takeIn      bool
	host        string
	load        base.LoadOptions
	request     requestFlags
	settings    settings
}

func newRun(s streams) *cobra.Command {
	o := &runOptions{streams: s}
	cmd := &cobra.Command{
		Use:   "run [-m MODEL] -p PROMPT | -i",
		Short: "Answer a prompt, or chat",
		Long: `Run answers one prompt and ends, or chats with -i.

Without -m it uses atlas, a tiny model that comes with kvasir. It knows the capitals, continents,
currencies and languages of 104 countries, opposites, weekdays and sums up to 12 + 12, each as a
question of its own; what else one asks it, it answers wrongly in the same form.`,
		Example: `  kvasir run -p "What is the capital of France?"
  kvasir run -m model.gguf -p "Explain mmap in one sentence." --max-tokens 80
  kvasir run -m model.gguf --system "Summarise this." -p - < notes.txt
  kvasir run -m model.gguf -i`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.promptSet = cmd.Flags().Changed("prompt")
			if err := o.check(); err != nil {
				return err
			}
			return o.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVarP(&o.load.Model, "model", "m", "", "GGUF `file`; the first one of a split model (default atlas, which comes with kvasir)")
	flags.StringVarP(&o.prompt, "prompt", "p", "", "the prompt; - reads it from standard input")
	flags.BoolVarP(&o.interactive, "interactive", "i", false, "chat: read one message a line until end of input")
	flags.BoolVar(&o.json, "json", false, "print one JSON object instead of streaming the answer")
	flags.StringVar(&o.system, "system", "", "system message of the chat")
	flags.BoolVar(&o.raw, "raw", false, "send the prompt as it is, without the chat template")
	o.request.add(flags)
	addLoadFlags(flags, &o.load)
	addHostFlag(flags, &o.host)
	o.settings.add(flags)
	o.settings.addStrategy(flags)
	flags.BoolVar(&o.takeIn, "import", false, "read the .jsonl of --cache-file into the store first, which otherwise only a new store does")
	flags.BoolVarP(&o.verbose, "verbose", "v", false, "say what was decided, and show the log of the inference host")
	return cmd
}

// check reports mistakes in the combination of flags.
func (o *runOptions) check() error {
	switch {
	case !o.promptSet && !o.interactive:
		return usagef("no prompt: give one with -p, or chat with -i")
	case o.settings.flags.Changed("model") && o.load.Model == "":
		return usagef("--model is empty; leave it out for atlas, the model that comes with kvasir")
	case o.promptSet && o.prompt == "":
		return usagef("the prompt is empty")
	case o.interactive && o.json:
		return usagef("--json and --interactive do not go together")
	case o.interactive && o.raw:
		return usagef("--raw and --interactive do not go together")
	case o.raw && o.system != "":
		return usagef("--system needs the chat template, which --raw turns off")
	case o.interactive && o.prompt == "-":
		return usagef("-p - and --interactive both read standard input")
	}
	return nil
}

func (o *runOptions) run(ctx context.Context) error {
	request, err := o.request.build()
	if err != nil {
		return err
	}
	c, err := o.settings.read()
	if err != nil {
		return err
	}
	if o.prompt, err = o.readPrompt(ctx); err != nil {
		return err
	}
	if o.interactive {
		return o.chat(ctx, c, request)
	}
	return o.once(ctx, c, request)
}

func (o *runOptions) chat(ctx context.Context, c *config.Config, request *base.Request) error {
	model, err := o.open(ctx, c, request, nil)
	if err != nil {
		return err
	}
	defer model.Close()
	return newChat(o, model, request).run(ctx)
}

// open opens model and cache, and lets the configuration fill what the flags do not say. once is the one query of
// the model, or nil if there may be others.
func (o *runOptions) open(ctx context.Context, c *config.Config, request *base.Request, once *engine.Query) (*setup.Model, error) {
	load, err := fill(c)
	if err != nil {
		return nil, err
	}
	load.Parallel = 1
	if !o.settings.flags.Changed("temperature") {
		request.Sampling.Temperature = float32(c.Host.Temperature)
	}
	options := inference{load, o.host, c, o.err, o.verbose}.options()
	options.Once, options.Import = once, o.takeIn
	return setup.OpenModel(ctx, c, options)
}

// maxPrompt bounds what is read from standard input.
const maxPrompt = 32 << 20 // bytes

func (o *runOptions) readPrompt(ctx context.Context) (string, error) {
	text := o.prompt
	if text == "-" {
		if f, ok := o.in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
			fmt.Fprintln(o.err, "Type the prompt; Ctrl-D on a line of its own ends it.")
		}
		data, err := readAll(ctx, o.in)
		if err != nil {
			return "", err
		}
		// One line break at the end comes from the shell, not from the person.
		text = strings.TrimSuffix(strings.TrimSuffix(data, "\n"), "\r")
		if text == "" {
			return "", usagef("standard input: the prompt is empty")
		}
	}
	if !utf8.ValidString(text) {
		return "", usagef("the prompt is not valid UTF-8")
	}
	return text, nil
}

// readAll reads r to its end, unless ctx ends first. What still reads then ends with the process.
func readAll(ctx context.Context, r io.Reader) (string, error) {
	type input struct {
		data []byte
		err  error
	}
	read := make(chan input, 1)
	go func() {
		data, err := io.ReadAll(io.LimitReader(r, maxPrompt+1))
		read <- input{data, err}
	}()
	select {
	case in := <-read:
		switch {
		case in.err != nil:
			return "", fmt.Errorf("standard input: %w", in.err)
		case len(in.data) > maxPrompt:
			return "", fmt.Errorf("standard input: more than %d MiB; that is no prompt", maxPrompt>>20)
		}
		return string(in.data), nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// once answers one prompt.
func (o *runOptions) once(ctx context.Context, c *config.Config, request *base.Request) error {
	if o.raw {
		request.Prompt = o.prompt
	} else {
		request.Messages = o.messages(base.Message{Role: base.RoleUser, Content: o.prompt})
	}
	query, began := o.query(request), time.Now()
	model, err := o.open(ctx, c, request, query)
	if err != nil {
		return err
	}
	defer model.Close()
	if o.json {
		a, err := model.Serve(ctx, query, func(base.Chunk) error { return nil })
		if err != nil {
			return err
		}
		return printJSON(o.out, a, model.Loaded(), time.Since(began))
	}
	_, err = o.stream(ctx, model, query, began)
	return err
}

// query is a request as the cache is asked about it.
func (o *runOptions) query(request *base.Request) *engine.Query {
	return &engine.Query{Request: request, Strategy: o.settings.strategy}
}

// messages puts the system message, if there is one, before the others.
func (o *runOptions) messages(turns ...base.Message) []base.Message {
	if o.system == "" {
		return turns
	}
	return append([]base.Message{{Role: base.RoleSystem, Content: o.system}}, turns...)
}

// stream prints an answer as it comes, and a note if it was cut off. began is when it was asked for.
func (o *runOptions) stream(ctx context.Context, model *setup.Model, query *engine.Query, began time.Time) (*base.Result, error) {
	said := false
	a, err := model.Serve(ctx, query, func(c base.Chunk) error {
		said = said || c.Text != ""
		_, err := io.WriteString(o.out, c.Text)
		return err
	})
	if err != nil {
		if said {
			fmt.Fprintln(o.out) // the error gets a line of its own
		}
		return nil, err
	}
	fmt.Fprintln(o.out)
	if a.Result.FinishReason == base.FinishLength {
		fmt.Fprintf(o.err, "kvasir: note: the answer was cut off after %s (--max-tokens, --context)\n", base.Count(a.Result.Usage.CompletionTokens, "token", "tokens"))
	}
	if o.verbose {
		fmt.Fprintf(o.err, "kvasir: %s in %v: %s\n", describe(a.Decision), time.Since(began).Round(100*time.Microsecond), a.Reason)
	}
	return a.Result, nil
}
